"""A foreign file, read as the columns of a contract table in memory-bounded batches.

A file as a whole is judged here (an unknown or missing column, a wrong type, nothing in it,
damaged): one sentence, and nothing is staged. A single value that cannot be read is left null and
marked, for `screening` to judge. Ids of people become pseudonyms before a batch leaves this module,
and the connection that sees the raw ones has no file to spill to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import duckdb
import numpy as np
import pyarrow as pa

from components.common import lake
from components.common.contracts import ColumnType, Table
from components.common.errors import FinloopError, bad_input
from components.common.identity import pseudonymise_column
from components.common.mappings import From, TableMapping
from components.common.sources import Source

BATCH = 100_000
"""Rows in memory at a time."""
ROW, UNREADABLE = "_row", "_unreadable"
"""Beside the contract columns: 1-based row, and the first column that could not be read."""
SQL_TYPES: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "float64": "DOUBLE",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}
IN_WORDS: dict[ColumnType, str] = {
    "string": "text",
    "float64": "a number",
    "int64": "a whole number",
    "bool": "true or false",
    "timestamp": "a point in time",
}
_INTEGERS = r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?"
_NUMBERS = rf"{_INTEGERS}|FLOAT|DOUBLE|DECIMAL\(.*\)"
_ACCEPTED: dict[ColumnType, str] = {
    "string": rf"VARCHAR|UUID|ENUM\(.*\)|{_INTEGERS}",
    "float64": _NUMBERS,
    "int64": _NUMBERS,
    "bool": rf"BOOLEAN|{_NUMBERS}",
    "timestamp": r"TIMESTAMP.*",
}
"""DuckDB types of a typed file that may stand for each type of ours."""


def stage(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    source: Source,
    mapping: TableMapping,
    table: Table,
    key: bytes,
) -> None:
    """Make the temporary table `name` of all rows of a source, people already pseudonymised.

    Columns: those of the contract, ROW and UNREADABLE. Raises `FinloopError` in one
    sentence where the file as a whole cannot be used.
    """
    create_staged(connection, name, table)
    for batch in read_batches(source, mapping, table, key):
        append_staged(connection, name, batch)
    if source.kind == "csv":
        _check_texts(connection, name, source, mapping, table)


def create_staged(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """Make the empty temporary table `name`."""
    columns = [f'"{column.name}" {SQL_TYPES[column.type]}' for column in table.columns]
    columns += [f"{UNREADABLE} VARCHAR", f"{ROW} BIGINT"]
    connection.execute(f'CREATE TEMP TABLE "{name}" ({", ".join(columns)})')


def append_staged(connection: duckdb.DuckDBPyConnection, name: str, batch: pa.RecordBatch) -> None:
    """Add rows to a staged table; a column that the batch lacks is null."""
    names = ", ".join(f'"{column}"' for column in batch.schema.names)
    connection.register("incoming", batch)
    connection.execute(f'INSERT INTO "{name}" ({names}) SELECT {names} FROM incoming')  # noqa: S608 - names of ours
    connection.unregister("incoming")


def read_batches(
    source: Source, mapping: TableMapping, table: Table, key: bytes
) -> Iterator[pa.RecordBatch]:
    """The rows of a source, as `append_staged` takes them."""
    types = check_source(source, mapping, table)
    connection = lake.connect()
    pseudonyms: dict[str, dict[str, str]] = {column.name: {} for column in table.columns}
    read = 0
    try:
        sql = _select(source, mapping, table, types)
        for batch in connection.sql(sql).to_arrow_reader(BATCH):
            yield _staged(batch, read, table, key, pseudonyms)
            read += batch.num_rows
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # a stream fails as OSError
        raise _unusable(source, error) from None  # its text may quote raw ids
    finally:
        connection.close()


def _staged(
    batch: pa.RecordBatch,
    read: int,
    table: Table,
    key: bytes,
    pseudonyms: dict[str, dict[str, str]],
) -> pa.RecordBatch:
    columns = {name: batch.column(name) for name in batch.schema.names}
    for column in table.columns:
        if column.personal:
            columns[column.name] = pseudonymise_column(
                columns[column.name], key, pseudonyms[column.name]
            )
    columns[ROW] = pa.array(np.arange(read + 1, read + batch.num_rows + 1))
    return pa.RecordBatch.from_pydict(columns)


def check_source(source: Source, mapping: TableMapping, table: Table) -> dict[str, str]:
    """Column of theirs → DuckDB type, of a source that can be used as far as its head tells.

    Raises `FinloopError` for an unknown column, a missing required one, one of a wrong type, and a
    file that is empty or cannot be opened.
    """
    if any(path.stat().st_size == 0 for path in source.files):
        raise _empty(source)
    with closing(lake.connect()) as connection:
        try:
            relation = connection.sql(f"SELECT * FROM {source.sql}")  # noqa: S608 - paths, quoted
            if not relation.limit(1).fetchall():
                raise _empty(source)
            kinds = (str(kind).strip('"') for kind in relation.types)
            types = dict(zip(relation.columns, kinds, strict=True))
        except duckdb.Error as error:
            raise _unusable(source, error) from None  # its text may quote raw ids
    _check_columns(source, mapping, table, types)
    return types


def _check_columns(
    source: Source, mapping: TableMapping, table: Table, types: dict[str, str]
) -> None:
    taken = {column.column for column in mapping.columns.values()}
    for name in types:
        if name not in taken | mapping.ignored:
            raise bad_input(
                "unknown_column",
                f"{source.name} has a column {name!r} that no column of {table.name} is made from; "
                f"remove it or map it (known are {', '.join(sorted(taken))}).",
            )
    for name in table.required:
        theirs = mapping.columns.get(name, From(name)).column
        if theirs not in types:
            raise bad_input(
                "missing_column", f"{source.name} lacks the required column {theirs!r}; add it."
            )
    if source.kind == "csv":
        return
    for name, column in mapping.columns.items():
        found = types.get(column.column, "NULL")
        kind = table.column(name).type
        if found != "NULL" and not re.fullmatch(_ACCEPTED[kind], found):
            raise _wrong_type(source, column.column, kind, f"it is {found}")


def _check_texts(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    source: Source,
    mapping: TableMapping,
    table: Table,
) -> None:
    """A column of texts none of which could be read is of the wrong type as a whole."""
    for ours, theirs in mapping.columns.items():
        readable, marked = connection.execute(
            f'SELECT count("{ours}"), count(*) FILTER ({UNREADABLE} = ?) FROM "{name}"',  # noqa: S608 - names of ours
            [ours],
        ).fetchall()[0]
        if marked and not readable:
            kind = table.column(ours).type
            raise _wrong_type(source, theirs.column, kind, "no row has one")


def _select(source: Source, mapping: TableMapping, table: Table, types: dict[str, str]) -> str:
    """SQL that reads each column twice: as it is, and as the type that the contract wants."""
    read, columns, fallible = [], [], []
    for column in table.columns:
        theirs = mapping.columns.get(column.name)
        if theirs is None or theirs.column not in types:
            columns.append(f'NULL::{SQL_TYPES[column.type]} AS "{column.name}"')
            continue
        found = types[theirs.column]
        raw = _without_blanks('"' + theirs.column.replace('"', '""') + '"', found)
        typed = _typed(raw, found, column.type)
        if theirs.delay:
            typed += f" + to_microseconds({theirs.delay // timedelta(microseconds=1)})"
        read += [f'{raw} AS "raw {column.name}"', f'{typed} AS "{column.name}"']
        columns.append(f'"{column.name}"')
        if column.type != "string" and (found == "VARCHAR" or column.type != "float64"):
            fallible.append(column.name)
    return (
        f"SELECT {', '.join(columns)}, {_first_unreadable(fallible)} AS {UNREADABLE} "  # noqa: S608 - names of contracts and of columns, quoted
        f"FROM (SELECT {', '.join(read)} FROM {source.sql})"
    )


def _first_unreadable(names: list[str]) -> str:
    cases = [
        f'WHEN "raw {name}" IS NOT NULL AND "{name}" IS NULL THEN {lake.quote(name)}'
        for name in names
    ]
    return f"CASE {' '.join(cases)} END::VARCHAR" if cases else "NULL::VARCHAR"


def _without_blanks(raw: str, found: str) -> str:
    if found == "VARCHAR":
        return f"CASE WHEN trim({raw}) <> '' THEN {raw} END"
    return f"CASE WHEN NOT isnan({raw}) THEN {raw} END" if found in ("FLOAT", "DOUBLE") else raw


def _typed(raw: str, found: str, wanted: ColumnType) -> str:
    if wanted == "float64":
        number = f"TRY_CAST({raw} AS DOUBLE)"
        return f"CASE WHEN NOT isnan({number}) THEN {number} END"
    if wanted == "int64":
        return f"CASE WHEN TRY_CAST({raw} AS DOUBLE) % 1 = 0 THEN TRY_CAST({raw} AS BIGINT) END"
    if wanted == "bool" and found not in ("BOOLEAN", "VARCHAR"):
        return f"CASE {raw} WHEN 0 THEN false WHEN 1 THEN true END"
    if wanted == "timestamp":
        time = f"TRY_CAST({raw} AS TIMESTAMPTZ)"
        return f"CASE WHEN isfinite({time}) THEN {time} END"
    return f"TRY_CAST({raw} AS {SQL_TYPES[wanted]})"


def _wrong_type(source: Source, column: str, kind: ColumnType, found: str) -> FinloopError:
    return bad_input(
        "wrong_type",
        f"{source.name}: column {column!r} must be {IN_WORDS[kind]}, but {found}; "
        "convert it, or map another column.",
    )


def _empty(source: Source) -> FinloopError:
    return bad_input("empty_file", f"{source.name} is empty; export it again, or leave it out.")


def _unusable(source: Source, error: Exception) -> FinloopError:
    line = re.search(r"Line: (\d+)", str(error))
    where = f" (line {line[1]})" if line else ""
    return bad_input(
        "unreadable_file",
        f"{source.name} cannot be read as {source.kind}{where}: it is truncated, damaged or of "
        "another format; export or copy it again.",
    )
