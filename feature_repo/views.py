"""Feast views from the declarations of features: nothing is written down twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from feast import FeatureView, Field, FileSource
from feast.data_format import ParquetFormat
from feast.types import Array, Float64, Int64, PrimitiveFeastType, String

from components.common.features import (
    CHANGE_TTL,
    EVENT_TTL,
    MIDNIGHT_TTL,
    FeatureTable,
    FeatureType,
)
from feature_repo.entities import entity

WRITTEN_BY, SERVICE = "written_by", "service"
"""Tag of a view whose rows come from the service and not from a feature table."""

_TTL = {"event": EVENT_TTL, "midnight": MIDNIGHT_TTL, "change": CHANGE_TTL}
_TYPES: dict[FeatureType, PrimitiveFeastType] = {"float64": Float64, "int64": Int64}
_ITEMS: dict[type, PrimitiveFeastType] = {float: Float64, int: Int64, str: String}


def table_view(table: FeatureTable, folder: Path) -> FeatureView:
    """The view of a feature table; what is made at midnights is online too."""
    fields = [
        Field(name=f.name, dtype=_TYPES[f.type], description=f"{f.description} ({f.unit})")
        for f in table.features
    ]
    return _view(
        table.name,
        table.entity,
        fields,
        folder,
        ttl=_TTL[table.cadence],
        online=table.cadence != "event",
        description=table.description,
    )


def state_view(
    name: str,
    join_key: str,
    items: dict[str, type],
    folder: Path,
    description: str,
    *,
    counts: tuple[str, ...] = (),
    by_service: bool = False,
) -> FeatureView:
    """A view of list columns, item types by name of column: the newest state of each entity.

    `counts` are names of whole numbers beside the lists.

    Online the state is as of its last event, whatever its age, so that it has no ttl. A view
    `by_service` is written by the service alone and never materialized: its rows are what the lake
    does not know yet.
    """
    fields = [Field(name=column, dtype=Array(_ITEMS[item])) for column, item in items.items()]
    fields += [Field(name=name, dtype=Int64) for name in counts]
    view = _view(
        name, join_key, fields, folder, ttl=timedelta(0), online=True, description=description
    )
    if by_service:
        view.tags = {WRITTEN_BY: SERVICE}
    return view


def _view(
    name: str,
    join_key: str,
    fields: list[Field],
    folder: Path,
    *,
    ttl: timedelta,
    online: bool,
    description: str,
) -> FeatureView:
    source = FileSource(
        name=name,
        path=str(folder / f"{name}.parquet"),
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
        file_format=ParquetFormat(),
    )
    return FeatureView(
        name=name,
        entities=[entity(join_key)],
        schema=[Field(name=join_key, dtype=String), *fields],
        source=source,
        ttl=ttl,
        online=online,
        description=description,
    )
