"""The feature store of an installation: open it, tell it what there is, fill its online side."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.errors import refused
from components.common.settings import Settings
from feature_repo.layout import Layout
from feature_repo.online import online_side
from feature_repo.profiles import repo_config

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore, FeatureView

_ROWS = 20_000
"""Rows that are written at once, so that neither store nor memory is held up by a large view."""


def open_store(settings: Settings) -> FeatureStore:
    """The feature store under `settings.feast`; importing Feast costs seconds, once."""
    settings.feast.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():  # Feast changes the filters of the whole process
        from feast import FeatureStore

    logging.getLogger("feast").setLevel(logging.WARNING)  # else it tells of every row it reads
    return FeatureStore(repo_path=str(settings.feast), config=repo_config(settings))


def apply(settings: Settings) -> FeatureStore:
    """Tell Feast of every view and service over `settings.feature_tables`; forget any other."""
    store = open_store(settings)
    from feature_repo.definitions import definitions

    wanted = definitions(settings.feature_tables)
    names = {each.name for each in wanted}
    known = [*store.list_feature_services(), *store.list_batch_feature_views()]
    gone = [each for each in known if each.name not in names]
    store.apply(wanted, objects_to_delete=gone, partial=False)
    online_side(settings).prepare()
    Layout.of(store).write(settings)
    return store


def materialize(
    settings: Settings, as_of: datetime, store: FeatureStore | None = None
) -> dict[str, int]:
    """Bring every online view to its newest rows as of a moment; rows written, by view.

    Rows keep the midnight that they are of: the service counts a view by its ttl, as Feast does
    offline. Views that the service writes are left alone.
    """
    store = store or open_store(settings)
    from feature_repo.views import SERVICE, WRITTEN_BY

    return {
        view.name: _materialize(store, view, as_of)
        for view in store.list_batch_feature_views()
        if view.online and view.tags.get(WRITTEN_BY) != SERVICE
    }


def _materialize(store: FeatureStore, view: FeatureView, as_of: datetime) -> int:
    rows = _newest(view, as_of)
    for first in range(0, len(rows), _ROWS):
        store.write_to_online_store(view.name, df=rows.iloc[first : first + _ROWS])
    return len(rows)


def _newest(view: FeatureView, as_of: datetime) -> pd.DataFrame:
    """The newest row of each entity of a view, at most as of a moment."""
    import duckdb
    from feast import FileSource

    source = view.batch_source
    if not isinstance(source, FileSource) or not Path(source.path).exists():
        raise refused(
            "features_missing",
            f"The feature table of {view.name} is not there; run `finloop run data` first.",
        )
    key = view.join_keys[0]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(
            f"""SELECT * FROM read_parquet($path) WHERE event_timestamp <= $as_of
                QUALIFY row_number() OVER (
                    PARTITION BY {key} ORDER BY event_timestamp DESC, created DESC) = 1
                ORDER BY {key}""",  # noqa: S608 - a join key of ours
            {"path": source.path, "as_of": as_of},
        ).df()


def forget(settings: Settings, join_key: str, entities: Sequence[str]) -> int:
    """Remove entities from every online view; how many of them were in one.

    entities: ids of the join key, as the views have them (pseudonyms of people).
    """
    store = open_store(settings)
    views = [view for view in store.list_batch_feature_views() if view.join_keys == [join_key]]
    from feast.infra.key_encoding_utils import serialize_entity_key
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    version = store.config.entity_key_serialization_version
    keys = [
        serialize_entity_key(
            EntityKey(join_keys=[join_key], entity_values=[Value(string_val=entity)]), version
        )
        for entity in entities
    ]
    tables = [f"{store.project}_{view.name}" for view in views if view.online]
    return online_side(settings).forget(tables, keys)
