"""The training frame is what was known at the time of each event: Feast against our own join."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from components.common.features import FeatureTable
from components.common.settings import Settings
from components.common.training_data import point_in_time
from components.fraud import XGBOOST
from components.fraud.features import MODEL_INPUT, TABLES
from feature_repo import store as feature_store
from feature_repo.views import MIDNIGHT_TTL
from tests.feature_repo.conftest import MOMENT, Company, write_tables

KEEP = ("transaction_id", "user_id", "merchant_id", "event_timestamp")
_USERS = TABLES[1]


@pytest.fixture(scope="module")
def frame(company: Company) -> pd.DataFrame:
    table = point_in_time(company.store, XGBOOST.feature_service, company.events, KEEP)
    return table.to_pandas()


def test_the_frame_equals_a_hand_written_asof_join(company: Company, frame: pd.DataFrame) -> None:
    expected = asof(company.settings.feature_tables, company.events)
    assert list(frame.columns) == [*KEEP, *MODEL_INPUT]
    pd.testing.assert_frame_equal(frame[list(KEEP)], company.events[list(KEEP)], check_dtype=False)
    for name in MODEL_INPUT:
        np.testing.assert_array_equal(frame[name].to_numpy(), expected[name].to_numpy(), name)


def test_ttl_is_respected(company: Company, frame: pd.DataFrame) -> None:
    age = ages(company.settings.feature_tables / f"{_USERS.name}.parquet", company.events)
    stale = age > MIDNIGHT_TTL
    known = frame[list(_USERS.names)].notna().any(axis=1)
    assert stale.sum() > 5
    assert not known[stale].any()
    assert known[age <= MIDNIGHT_TTL].all()


def test_a_feature_written_after_the_event_never_leaks(
    company: Company, frame: pd.DataFrame, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    events = write_tables(settings.feature_tables)
    for table in TABLES[1:]:
        poison(settings.feature_tables / f"{table.name}.parquet", table, events)
    store = feature_store.apply(settings)
    poisoned = point_in_time(store, XGBOOST.feature_service, events, KEEP).to_pandas()
    others = poisoned["event_timestamp"].groupby(poisoned["user_id"]).transform("min")
    first = poisoned["event_timestamp"] == others  # nobody else's later row lies before it
    assert first.sum() > 5
    pd.testing.assert_frame_equal(
        poisoned.loc[first, list(_USERS.names)], frame.loc[first, list(_USERS.names)]
    )
    later = poisoned[~first & (poisoned["user_id"] == poisoned["user_id"].iloc[0])]
    assert (later[list(_USERS.names)] == 1e9).any(axis=None)


def test_rows_come_in_the_order_of_the_events(company: Company, frame: pd.DataFrame) -> None:
    turned = company.events.iloc[::-1].reset_index(drop=True)
    back = point_in_time(company.store, XGBOOST.feature_service, turned, KEEP).to_pandas()
    pd.testing.assert_frame_equal(back.iloc[::-1].reset_index(drop=True), frame)


def ages(path: Path, events: pd.DataFrame) -> pd.Series:
    """Time since the newest row of each event's user, at or before it; NaT where there is none."""
    rows = pd.read_parquet(path)
    found = []
    for user, at in zip(events["user_id"], events["event_timestamp"], strict=True):
        mine: Any = rows["event_timestamp"][rows["user_id"] == user]
        found.append(at - mine[mine <= at].max())
    return pd.Series(found)


def poison(path: Path, table: FeatureTable, events: pd.DataFrame) -> None:
    """Add a row one microsecond after each event, with values that cannot be overlooked."""
    after = events["event_timestamp"] + timedelta(microseconds=1)
    rows = pd.DataFrame({table.entity: events[table.entity], "event_timestamp": after})
    rows = rows.assign(created=after, **dict.fromkeys(table.names, 1e9))
    both = pd.concat([pd.read_parquet(path), rows], ignore_index=True)
    both.astype({"event_timestamp": MOMENT, "created": MOMENT}).to_parquet(path)


def asof(folder: Path, events: pd.DataFrame) -> pd.DataFrame:
    """The same frame with DuckDB's ASOF join and the ttl written out by hand."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", events.assign(row=range(len(events))))
        parts = [_joined(connection, folder, table, table.entity) for table in TABLES]
    return pd.concat(parts, axis=1)


def _joined(
    connection: duckdb.DuckDBPyConnection, folder: Path, table: FeatureTable, key: str
) -> pd.DataFrame:
    days = 1 if table.cadence == "event" else MIDNIGHT_TTL.days
    names = ", ".join(
        f"CASE WHEN f.event_timestamp + INTERVAL {days} DAY >= e.event_timestamp THEN f.{name} END "
        f"AS {name}"
        for name in table.names
    )
    return connection.execute(
        f"SELECT {names} FROM events e ASOF LEFT JOIN read_parquet(?) f "  # noqa: S608 - names of ours
        f"ON e.{key} = f.{key} AND e.event_timestamp >= f.event_timestamp ORDER BY e.row",
        [str(folder / f"{table.name}.parquet")],
    ).df()
