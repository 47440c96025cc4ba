"""Contract tables of a lake as views that always have every column."""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.common.contracts import ColumnType, Table
from components.common.errors import bad_input
from components.common.lake import quote

if TYPE_CHECKING:
    import duckdb

_SQL_TYPES: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "float64": "DOUBLE",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}


def make_view(connection: duckdb.DuckDBPyConnection, lake: Path, table: Table) -> None:
    """Make a view of a contract table: every column there, absent optional ones as nulls.

    NaN becomes null. A table that is not in the lake is empty; its files share one schema.
    Raises `FinloopError` where a required column is missing.
    """
    files = [quote(path) for path in sorted((lake / table.name).glob("**/*.parquet"))]
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
