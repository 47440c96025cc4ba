"""The engine under the feature tables: clocks, midnights, and files that are whole or not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.common.features import (
    DAY,
    Feature,
    FeatureTable,
    engine,
    local_microseconds,
    microseconds,
    midnight,
    write,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = st.sampled_from(
    ["Asia/Seoul", "America/Sao_Paulo", "Australia/Lord_Howe", "Europe/Lisbon", "Pacific/Apia"]
)
FIRST, LAST = datetime(2009, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)


@settings(deadline=None)
@given(ZONES, st.lists(st.integers(microseconds(FIRST), microseconds(LAST)), max_size=50))
def test_the_local_clock_of_sql_is_that_of_python(zone: str, moments: list[int]) -> None:
    sql = local_microseconds("t", ZoneInfo(zone), microseconds(FIRST), microseconds(LAST))
    rows = duckdb.execute(f"SELECT {sql} FROM (SELECT unnest($1::BIGINT[]) AS t)", [moments])  # noqa: S608
    for moment, (local,) in zip(moments, rows.fetchall(), strict=True):
        wall = (EPOCH + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone))
        assert local == microseconds(wall.replace(tzinfo=UTC))


@settings(deadline=None)
@given(ZONES, st.integers(14245, 19700))
def test_a_midnight_begins_its_day(zone: str, day: int) -> None:
    begins = EPOCH + timedelta(microseconds=midnight(day, ZoneInfo(zone)))
    before = (begins - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
    number = microseconds(before.replace(tzinfo=UTC)) // DAY
    assert number < day
    assert midnight(day, ZoneInfo(zone)) <= midnight(day + 1, ZoneInfo(zone))


def test_a_query_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    with engine(tmp_path) as connection:
        write(connection, "SELECT 1 AS a", path)
        before = path.read_bytes()
        with pytest.raises(duckdb.Error):
            write(connection, "SELECT error('no') AS a FROM range(9)", path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["table.parquet"]


def test_a_table_selects_its_features_in_order() -> None:
    features = tuple(
        Feature(name, "t", "one", "one", sql) for name, sql in (("b", "1"), ("a", "x"))
    )
    table = FeatureTable("t", "id", "a table", features, "event")
    rows = duckdb.execute(f"SELECT {table.columns()} FROM (SELECT 2 AS x)").fetchall()  # noqa: S608
    assert (table.names, rows) == (("b", "a"), [(1.0, 2.0)])
