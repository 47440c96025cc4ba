"""The Feature type, and the DuckDB engine that builds feature tables from the lake."""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted or parameters

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from components.common.contracts import ColumnType, Table
from components.common.errors import bad_input

if TYPE_CHECKING:
    import duckdb

FeatureType = Literal["float64", "int64"]

MEMORY_LIMIT = "2500MB"
"""Memory of one build; what does not fit is spilled to disk beside the output."""

DAY = 86_400_000_000
"""Microseconds of a day without a clock change."""

_SQL_TYPES: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "float64": "DOUBLE",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Feature:
    """One feature: what it means and, side by side, how both engines compute it."""

    name: str
    group: str
    """Feature table that holds it."""
    unit: str
    description: str
    offline: str
    """DuckDB expression over the columns that the table's engine prepares."""
    online: Callable[[Any], float | None] | None = None
    """The same for one request; none where the feature is only made in batch."""
    type: FeatureType = "float64"


@dataclass(frozen=True)
class FeatureTable:
    """Features of one entity, kept in one parquet file `<name>.parquet`.

    Columns: the entity, `event_timestamp` (UTC; the row holds what was known strictly before it),
    `created`, then the features in order.
    """

    name: str
    entity: str
    description: str
    features: tuple[Feature, ...]
    cadence: Literal["event", "midnight"]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def columns(self) -> str:
        """The select list of the features."""
        return ", ".join(f"({f.offline})::DOUBLE AS {f.name}" for f in self.features)


@contextmanager
def engine(scratch: Path, memory_limit: str = MEMORY_LIMIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection in memory, bounded, that spills into `scratch`."""
    import duckdb

    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{memory_limit}'")
        connection.execute(f"SET temp_directory = {literal(str(scratch / 'spill'))}")
        connection.execute("SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()


def literal(text: str) -> str:
    """A SQL string literal, for the few places where DuckDB takes no parameter."""
    return "'" + text.replace("'", "''") + "'"


def scan(connection: duckdb.DuckDBPyConnection, lake: Path, table: Table) -> None:
    """Make a view of a contract table: every column there, absent optional ones as nulls.

    NaN becomes null. A table that is not in the lake is empty; its files share one schema.
    Raises `FinloopError` where a required column is missing.
    """
    files = [literal(str(path)) for path in sorted((lake / table.name).glob("**/*.parquet"))]
    present = set(table.required)
    if files:
        present = _columns(connection, files[0])
        for name in sorted(set(table.required) - present):
            raise bad_input(
                "missing_column",
                f"Table {table.name} in {lake} has no column {name}; ingest it again.",
            )
    columns = ", ".join(
        f"{_clean(column.name, column.type) if files and column.name in present else 'NULL'}"
        f"::{_SQL_TYPES[column.type]} AS {column.name}"
        for column in table.columns
    )
    source = f"FROM read_parquet([{', '.join(files)}])" if files else "LIMIT 0"
    connection.execute(f"CREATE OR REPLACE VIEW {table.name} AS SELECT {columns} {source}")


def _columns(connection: duckdb.DuckDBPyConnection, file: str) -> set[str]:
    return {
        row[0]
        for row in connection.execute(f"DESCRIBE SELECT * FROM read_parquet({file})").fetchall()
    }


def _clean(name: str, kind: ColumnType) -> str:
    return f"CASE WHEN NOT isnan({name}) THEN {name} END" if kind == "float64" else name


def write(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write the rows of an ordered query to one parquet file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        connection.execute(
            f"COPY ({query}) TO {literal(str(fresh))} (FORMAT parquet, ROW_GROUP_SIZE 122880)"
        )
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of a moment with a time zone."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def local_microseconds(timestamp: str, zone: ZoneInfo, first: int, last: int) -> str:
    """SQL for the local wall clock of a UTC column, both in microseconds.

    The offsets between `first` and `last` come from the same `ZoneInfo` that the online engine
    uses, so that the two never disagree about a clock change.
    """
    changes = _offsets(zone, first, last)
    branches = "".join(
        f" WHEN {timestamp} < {until} THEN {offset}"
        for (_, offset), (until, _) in pairwise(changes)
    )
    offset = f"CASE{branches} ELSE {changes[-1][1]} END" if branches else str(changes[-1][1])
    return f"({timestamp} + {offset})"


def _offset(zone: ZoneInfo, at: int) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    offset = moment.astimezone(zone).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1)


def _offsets(zone: ZoneInfo, first: int, last: int) -> list[tuple[int, int]]:
    """(from, offset) pairs in microseconds from `first` to `last`; changes found by halving."""
    found = [(first, _offset(zone, first))]
    at = first
    while at < last:
        ahead = min(at + DAY, last)
        if _offset(zone, ahead) != found[-1][1]:
            low, high = at, ahead
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (
                    (middle, high) if _offset(zone, middle) == found[-1][1] else (low, middle)
                )
            found.append((high, _offset(zone, high)))
            ahead = high
        at = ahead
    return found


def midnight(day: int, zone: ZoneInfo) -> int:
    """The moment (UTC microseconds) at which local day `day` (days since 1970) has begun for good.

    Where clocks change at midnight the later reading is taken, so that an event of the old day
    is never after it.
    """
    wall = datetime.combine(date(1970, 1, 1) + timedelta(days=day), datetime.min.time(), zone)
    return max(microseconds(wall.replace(fold=fold)) for fold in (0, 1))


def make_midnights(
    connection: duckdb.DuckDBPyConnection, zone: ZoneInfo, first: int, last: int
) -> None:
    """Make the table `midnights` (day, moment): local midnights from day `first` to day `last`."""
    connection.execute("CREATE OR REPLACE TABLE midnights (day INTEGER, moment TIMESTAMPTZ)")
    rows: Sequence[tuple[int, int]] = [(d, midnight(d, zone)) for d in range(first, last + 1)]
    if rows:
        days, moments = zip(*rows, strict=True)
        connection.execute(
            "INSERT INTO midnights "
            "SELECT unnest($1::INTEGER[]), make_timestamptz(unnest($2::BIGINT[]))",
            [list(days), list(moments)],
        )
