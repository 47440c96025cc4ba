"""Which staged rows come in, which are there already, and which go to quarantine, and why.

A row has at most one reason: the first that applies, in the order of the contract's columns, then
an unknown reference, then a key that came before in the same file, then a contradiction of a row
that is already there. The first valid row of a key wins, and a row that is there is never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from components.common.contracts import Column, Table
from components.common.lake import quote
from components.common.reading import IN_WORDS, ROW, UNREADABLE

REASON, KNOWN = "_reason", "_known"
"""Beside the staged columns: why the row is not let in; whether it is there already."""
EARLIEST = "1970-01-01"


@dataclass(frozen=True)
class Screened:
    """How many rows of a table were read, are new, were there already, are in quarantine."""

    rows: int
    accepted: int
    already: int
    quarantined: int
    reasons: dict[str, int] = field(default_factory=dict)
    """Reason → rows, most first."""


def screen(
    connection: duckdb.DuckDBPyConnection,
    staged: str,
    table: Table,
    now: datetime,
    *,
    existing: str | None,
    references: Mapping[str, str],
) -> Screened:
    """Add REASON and KNOWN to a staged table, in place.

    `existing` is SQL (for a FROM clause) of the rows that are there; `references` is column → SQL
    of a relation that has all its permitted values under the same name.
    """
    connection.execute(f'ALTER TABLE "{staged}" ADD COLUMN {REASON} VARCHAR')
    connection.execute(f'ALTER TABLE "{staged}" ADD COLUMN {KNOWN} BOOLEAN DEFAULT false')
    _mark_rules(connection, staged, table, now)
    for column, permitted in references.items():
        _mark_unknown(connection, staged, column, permitted)
    _mark_duplicates(connection, staged, table)
    if existing is not None:
        _mark_existing(connection, staged, table, existing)
    return _count(connection, staged)


def _mark_rules(
    connection: duckdb.DuckDBPyConnection, staged: str, table: Table, now: datetime
) -> None:
    cases = " ".join(
        f"WHEN {condition} THEN {quote(reason)}"
        for column in table.columns
        for condition, reason in _rules(column, now)
    )
    connection.execute(
        f'UPDATE "{staged}" SET {REASON} = CASE {cases} END WHERE CASE {cases} END IS NOT NULL',  # noqa: S608 - contract names
    )


def _rules(column: Column, now: datetime) -> Iterator[tuple[str, str]]:
    """(condition under which a value is not let in, reason) pairs, first that applies."""
    name = f'"{column.name}"'
    yield f"{UNREADABLE} = {quote(column.name)}", f"{column.name} is not {IN_WORDS[column.type]}"
    if column.required:
        missing = "missing or no number" if column.type == "float64" else "missing"
        yield f"{name} IS NULL", f"{column.name} is {missing}"
    if column.type == "timestamp":
        yield f"{name} > TIMESTAMPTZ {quote(now.isoformat())}", f"{column.name} is in the future"
        yield f"{name} < TIMESTAMPTZ {quote(EARLIEST)}", f"{column.name} is before {EARLIEST}"
    if column.type == "float64":
        yield f"isinf({name})", f"{column.name} is not finite"
    if column.minimum is not None:
        word = "negative" if column.minimum == 0 else f"below {column.minimum:g}"
        yield f"{name} < {column.minimum!r}", f"{column.name} is {word}"
    if column.maximum is not None:
        yield f"{name} > {column.maximum!r}", f"{column.name} is above {column.maximum:g}"


def _mark_unknown(
    connection: duckdb.DuckDBPyConnection, staged: str, column: str, permitted: str
) -> None:
    connection.execute(
        f'UPDATE "{staged}" SET {REASON} = ? WHERE {REASON} IS NULL '  # noqa: S608 - contract names
        f'AND "{column}" NOT IN (SELECT DISTINCT "{column}" FROM {permitted})',
        [f"{column} is unknown"],
    )


def _mark_duplicates(connection: duckdb.DuckDBPyConnection, staged: str, table: Table) -> None:
    key = ", ".join(f'"{name}"' for name in table.key)
    connection.execute(
        f'UPDATE "{staged}" AS later SET {REASON} = ? FROM '  # noqa: S608 - contract names
        f'(SELECT {key}, min({ROW}) AS kept FROM "{staged}" WHERE {REASON} IS NULL '
        f"GROUP BY {key} HAVING count(*) > 1) AS first "
        f"WHERE {REASON} IS NULL AND {_same('later', 'first', table.key)} AND later.{ROW} > kept",
        [f"{', '.join(table.key)} came before in the same file"],
    )


def _mark_existing(
    connection: duckdb.DuckDBPyConnection, staged: str, table: Table, existing: str
) -> None:
    """Mark rows that are there already, and those that say otherwise.

    A newcomer of a daily table agrees where each value that it has is the same; one of a table that
    is replaced as a whole contradicts nothing.
    """
    blank = 'new."{0}" IS NULL OR ' if table.time else ""
    same = [
        f'({blank}new."{{0}}" IS NOT DISTINCT FROM old."{{0}}")'.format(column.name)
        for column in table.columns
        if column.name not in table.key
    ]
    agrees = f"({' AND '.join(same) or 'true'})"
    reason = f"contradicts the row of the same {', '.join(table.key)} that is there already"
    connection.execute(
        f'UPDATE "{staged}" AS new SET {KNOWN} = {agrees}, '  # noqa: S608 - contract names
        f"{REASON} = CASE WHEN $daily AND NOT {agrees} THEN $reason END "
        f"FROM {existing} AS old WHERE {REASON} IS NULL AND {_same('new', 'old', table.key)}",
        {"daily": table.time is not None, "reason": reason},
    )


def _same(left: str, right: str, key: tuple[str, ...]) -> str:
    return " AND ".join(f'{left}."{name}" = {right}."{name}"' for name in key)


def _count(connection: duckdb.DuckDBPyConnection, staged: str) -> Screened:
    rows, already = connection.execute(
        f'SELECT count(*), count(*) FILTER ({KNOWN}) FROM "{staged}"'  # noqa: S608 - a name of ours
    ).fetchall()[0]
    reasons = connection.execute(
        f'SELECT {REASON}, count(*) FROM "{staged}" WHERE {REASON} IS NOT NULL '  # noqa: S608 - a name of ours
        f"GROUP BY {REASON} ORDER BY count(*) DESC, {REASON}"
    ).fetchall()
    quarantined = sum(count for _, count in reasons)
    return Screened(rows, rows - already - quarantined, already, quarantined, dict(reasons))
