"""The lake: contract tables as parquet partitions, read with DuckDB and told apart by a digest.

`lake/<table>/day=YYYY-MM-DD/part.parquet`, one file per UTC day; a table without a time column is
`lake/<table>/part.parquet`. Beside them `digests.json` holds size, rows and SHA-256 of each file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

import duckdb
import pyarrow as pa

from components.common.contracts import TABLES, ColumnType, Table
from components.common.errors import bad_input

DIGESTS = "digests.json"
MEMORY = "1GB"
"""Memory that one DuckDB connection may use before it spills to disk."""
ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


class Partition(TypedDict):
    """What `digests.json` says about one file."""

    sha256: str
    bytes: int
    rows: int


def arrow_schema(table: Table) -> pa.Schema:
    """The parquet schema of a contract table: every column of the contract, optional ones too."""
    return pa.schema(
        [
            pa.field(column.name, ARROW_TYPES[column.type], nullable=not column.required)
            for column in table.columns
        ]
    )


def connect(spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection in UTC without network; without `spill` it never uses the disk."""
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY,
            "temp_directory": str(spill) if spill else "",
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection


def quote(text: str | Path) -> str:
    """A string as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def scan(root: Path, table: str) -> str:
    """SQL that stands for a table in a FROM clause; daily tables have their `day` (DATE) as well.

    Raises `FinloopError("no_data")` where the lake has no rows of it.
    """
    if not partitions(root, table):
        raise bad_input(
            "no_data", f"The lake has no {table} yet; run `finloop ingest DIR` with a file of them."
        )
    files = quote(root / table / "**" / "*.parquet")
    if TABLES[table].time is None:
        return f"read_parquet({files}, hive_partitioning = false)"
    return f"read_parquet({files}, hive_partitioning = true, hive_types = {{'day': DATE}})"


def read(
    root: Path, table: str, connection: duckdb.DuckDBPyConnection | None = None
) -> duckdb.DuckDBPyRelation:
    """The rows of a table as a lazy relation, on a connection of one's own where given."""
    return (connection or connect()).sql(f"SELECT * FROM {scan(root, table)}")  # noqa: S608 - a path of ours, quoted


def partitions(root: Path, table: str) -> dict[str, Partition]:
    """The files of a table, by path below its folder; none where the table is not there."""
    path = root / table / DIGESTS
    return json.loads(path.read_text()) if path.exists() else {}


def tables_present(root: Path) -> tuple[str, ...]:
    """Contract tables that have rows, references first."""
    return tuple(table for table in TABLES if partitions(root, table))


def count(root: Path, table: str) -> int:
    """Rows of a table, without reading it."""
    return sum(partition["rows"] for partition in partitions(root, table).values())


def digest(root: Path, tables: Iterable[str] | None = None) -> str:
    """SHA-256 over the digests of all files of these tables: the same exactly for the same bytes.

    Costs one small file and one `stat` per partition. Raises `FinloopError("lake_damaged")` where
    the files are not those that were written.
    """
    whole = hashlib.sha256()
    for table in sorted(tables_present(root) if tables is None else tables):
        _check_files(root, table)
        for path, partition in sorted(partitions(root, table).items()):
            whole.update(f"{table}/{path} {partition['sha256']}\n".encode())
    return whole.hexdigest()


def _check_files(root: Path, table: str) -> None:
    folder = root / table
    expected = {path: known["bytes"] for path, known in partitions(root, table).items()}
    found = {
        str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*.parquet")
    }
    different = sorted(set(expected.items()) ^ set(found.items()))
    if different:
        raise bad_input(
            "lake_damaged",
            f"{folder / different[0][0]} is not as it was written; delete the folder {folder} "
            "and ingest its files again.",
        )
