"""Rows that were not let in: one file per table and source, with the reason for each row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from components.common import lake
from components.common.change import Change
from components.common.contracts import Table
from components.common.partitions import write_parquet
from components.common.reading import BATCH, ROW
from components.common.screening import REASON


@dataclass(frozen=True)
class Staged:
    """A contract table whose rows are staged, under the name of the table."""

    table: Table
    source: str
    """Where the rows are from, for people."""
    digest: str
    """Where they are from, for good: names the quarantine of this source."""


def write_quarantine(
    change: Change, root: Path, staged: Staged, connection: duckdb.DuckDBPyConnection
) -> None:
    """Prepare `<table>/<digest>.parquet`: what of a screened source is outside now, if anything.

    Columns: those of the contract (null where it could not be read; people pseudonymised),
    `reason`, `row` (1-based, in the source) and `origin`. The text of a value that could not be
    read is not kept: nobody knows what a shifted column holds.
    """
    table = staged.table
    target = root / table.name / f"{staged.digest[:32]}.parquet"
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    rows = connection.sql(
        f"SELECT {names}, {REASON} AS reason, {ROW} AS row, $source::VARCHAR AS origin "  # noqa: S608 - contract names
        f'FROM "{table.name}" WHERE {REASON} IS NOT NULL ORDER BY {ROW}',
        params={"source": staged.source},
    )
    if rows.limit(1).fetchall():
        write_parquet(change.write(target), quarantine_schema(table), rows.to_arrow_reader(BATCH))
    elif target.exists():
        change.remove(target)


def quarantine_schema(table: Table) -> pa.Schema:
    """The parquet schema of the quarantine of a contract table: nothing in it is required."""
    columns = [pa.field(field.name, field.type) for field in lake.arrow_schema(table)]
    extra = {"reason": pa.string(), "row": pa.int64(), "origin": pa.string()}
    return pa.schema([*columns, *(pa.field(name, kind) for name, kind in extra.items())])
