"""Point-in-time training frames through Feast, split by time with the delay of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.common import lake
from components.common.errors import refused
from components.common.lags import ABSENT, Numbers, previous

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from feast import FeatureStore

SPLIT = "split"
TRAIN, CALIBRATION, TEST = "train", "calibration", "test"
CONTEXT = "context"
"""Split of an event without a label that came before one with a label."""


@dataclass(frozen=True)
class Windows:
    """Spans of event time, each without its end: train | calibration | gap | test | unknown.

    The gap is as long as a label is usually late, so that the model of the day on which the test
    begins could have been made on that day: only labels known by then are trained on. Labels of
    the test are those known by the cut-off.
    """

    train_from: datetime | None
    """The beginning of all data where not given."""
    calibration_from: datetime
    gap_from: datetime
    test_from: datetime
    test_until: datetime
    cut_off: datetime

    @classmethod
    def before(
        cls,
        cut_off: datetime,
        label_delay: timedelta,
        *,
        train_days: int = 0,
        calibration_days: int,
        test_days: int,
    ) -> Windows:
        """The newest windows with usually known labels; 0 `train_days` takes all before them."""
        test_until = cut_off - label_delay
        test_from = test_until - timedelta(days=test_days)
        gap_from = test_from - label_delay
        calibration_from = gap_from - timedelta(days=calibration_days)
        train_from = calibration_from - timedelta(days=train_days) if train_days else None
        return cls(train_from, calibration_from, gap_from, test_from, test_until, cut_off)

    def as_json(self) -> dict[str, str]:
        """The bounds as ISO 8601."""
        return {name: bound.isoformat() for name, bound in asdict(self).items() if bound}


@dataclass(frozen=True)
class Labelled:
    """Where the rows of a model come from: what happened, what turned out, and of whom."""

    events: str
    """Contract table of the events; one row each, with `event_timestamp`."""
    key: str
    """Column that names an event, in both tables."""
    outcomes: str
    """Contract table of what turned out, with `outcome_timestamp`."""
    label: str
    entities: tuple[str, ...]
    """Columns that name whom features are about; events follow one another by the first one."""


def labelled_events(root: Path, source: Labelled, windows: Windows) -> pd.DataFrame:
    """Events with a known outcome: key, entities, `event_timestamp`, label (bool), `split`.

    Of several outcomes of an event the newest counts that was known in time: by the beginning of
    the test for what is trained on, by the cut-off for what is tested on. In order of time.
    Raises `FinloopError("too_little_history")` where a window holds no rows.
    """
    with lake.connect() as connection:
        rows = connection.execute(
            _events_sql(root, source),
            {name: getattr(windows, name) for name in asdict(windows)},
        ).df()
    for window in (TRAIN, CALIBRATION, TEST):
        if window not in set(rows[SPLIT]):
            raise refused(
                "too_little_history",
                f"No {source.events} with a known outcome fall into the {window} window; the model "
                "needs a longer history, or fewer calibration_days and test_days.",
            )
    return rows


def with_past(
    root: Path, source: Labelled, events: pd.DataFrame, lags: int
) -> tuple[pd.DataFrame, Numbers]:
    """Labelled events with those before them, whatever is known of these, and who follows whom.

    Returns the events in order of time, the added ones without a label and of the split `CONTEXT`,
    and the row numbers of the `lags` events of the same entity before each one [n, lags].
    """
    import pandas as pd

    with lake.connect() as connection:
        columns = ", ".join((source.key, *source.entities, "event_timestamp"))
        every = connection.execute(
            f"SELECT {columns} FROM {lake.scan(root, source.events)} "  # noqa: S608 - names of ours
            f"WHERE event_timestamp <= $until ORDER BY event_timestamp, {source.key}",
            {"until": events["event_timestamp"].max()},
        ).df()
    before = previous(pd.factorize(every[source.entities[0]])[0], lags)
    told = events.set_index(source.key)[[source.label, SPLIT]]
    joined = every.join(told, on=source.key)
    labelled = joined[SPLIT].notna().to_numpy()
    wanted = labelled.copy()
    wanted[before[labelled][before[labelled] != ABSENT]] = True
    number = np.where(wanted, np.cumsum(wanted) - 1, ABSENT)
    kept = joined[wanted].reset_index(drop=True)
    kept[SPLIT] = kept[SPLIT].fillna(CONTEXT)
    kept[source.label] = kept[source.label].astype("boolean")
    followed = before[wanted]
    return kept, np.where(followed == ABSENT, ABSENT, number[followed]).astype(np.int32)


def _events_sql(root: Path, source: Labelled) -> str:
    columns = ", ".join((source.key, *source.entities, "event_timestamp"))
    known = f"arg_max({source.label}, outcome_timestamp) FILTER (outcome_timestamp <= ${{}})"
    return f"""
        SELECT {columns}, label AS {source.label}, {SPLIT} FROM (
            SELECT {columns},
                CASE WHEN event_timestamp < $train_from THEN NULL
                     WHEN event_timestamp < $calibration_from THEN '{TRAIN}'
                     WHEN event_timestamp < $gap_from THEN '{CALIBRATION}'
                     WHEN event_timestamp >= $test_from AND event_timestamp < $test_until
                     THEN '{TEST}' END AS {SPLIT},
                CASE {SPLIT} WHEN '{TEST}' THEN at_cut_off ELSE at_test END AS label
            FROM {lake.scan(root, source.events)}
            JOIN (SELECT {source.key}, {known.format("test_from")} AS at_test,
                      {known.format("cut_off")} AS at_cut_off
                  FROM {lake.scan(root, source.outcomes)} GROUP BY {source.key})
            USING ({source.key}))
        WHERE {SPLIT} IS NOT NULL AND label IS NOT NULL
        ORDER BY event_timestamp, {source.key}"""  # noqa: S608 - names of ours


def point_in_time(
    store: FeatureStore, service: str, events: pd.DataFrame, keep: Sequence[str]
) -> pa.Table:
    """Each event with the features that were known at its time, in the order of the events.

    Columns: those of `keep`, then the features of the service in its order. A feature that was
    not there, or older than the ttl of its view, is null.
    """
    import pyarrow as pa

    definition = store.get_feature_service(service)
    features = [f.name for p in definition.feature_view_projections for f in p.features]
    numbered = events.assign(row=range(len(events)))
    entities = {key for p in definition.feature_view_projections for key in _keys(store, p.name)}
    asked = numbered[["row", "event_timestamp", *sorted(entities)]]
    found: Any = store.get_historical_features(entity_df=asked, features=definition).to_arrow()
    found = found.sort_by("row")
    if found.num_rows != len(events):
        raise refused("frame_incomplete", f"Feast gave {found.num_rows} of {len(events)} rows.")
    kept = pa.Table.from_pandas(events[list(keep)], preserve_index=False)
    for name in features:
        kept = kept.append_column(name, found.column(name))
    return kept


def _keys(store: FeatureStore, view: str) -> list[str]:
    return store.get_feature_view(view).join_keys
