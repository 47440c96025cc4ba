"""Rows on their way into the lake: a parquet file per UTC day, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from components.common import lake
from components.common.change import Change
from components.common.contracts import Table
from components.common.lake import Partition
from components.common.reading import BATCH

PART = "part.parquet"
_DAY = "_day"


def write_table(
    change: Change, root: Path, table: Table, connection: duckdb.DuckDBPyConnection, new: str
) -> int:
    """Prepare the partitions that the rows of `new` (SQL for a FROM clause) change; how many.

    The rows of a day that is there are kept and the new ones added. Rows are ordered by time and
    key, so the bytes do not depend on the order of arrival. A file that would not change is left.
    """
    known = lake.partitions(root, table.name)
    digests = {} if table.time is None else dict(known)
    changed = 0
    for name, rows in _files(connection.sql(_merged(root, table, connection, new, bool(known)))):
        path = change.write(root / table.name / name)
        digests[name] = write_parquet(path, lake.arrow_schema(table), rows)
        if digests[name] == known.get(name):
            change.leave(root / table.name / name)
        else:
            changed += 1
    if changed:
        target = change.write(root / table.name / lake.DIGESTS)
        target.write_text(json.dumps(dict(sorted(digests.items())), indent=1) + "\n")
    return changed


def _merged(
    root: Path, table: Table, connection: duckdb.DuckDBPyConnection, new: str, merge: bool
) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    order = ", ".join(f'"{name}"' for name in dict.fromkeys((table.time, *table.key)) if name)
    if table.time is None:
        return f"SELECT NULL::DATE AS {_DAY}, {names} FROM {new} ORDER BY {order}"  # noqa: S608 - contract names
    rows = f'SELECT "{table.time}"::DATE AS {_DAY}, {names} FROM {new}'  # noqa: S608 - contract names
    if merge:
        rows += (
            f" UNION ALL SELECT day, {names} FROM {lake.scan(root, table.name)} "  # noqa: S608 - contract names
            f'WHERE day IN (SELECT DISTINCT "{table.time}"::DATE FROM {new})'
        )
    return f"SELECT * FROM ({rows}) ORDER BY {_DAY}, {order}"  # noqa: S608 - see above


def _files(rows: duckdb.DuckDBPyRelation) -> Iterator[tuple[str, Iterator[pa.RecordBatch]]]:
    """(file name, its rows) for each day of rows that come ordered by day, a batch at a time."""
    for day, slices in groupby(_days(rows.to_arrow_reader(BATCH)), key=itemgetter(0)):
        name = PART if day is None else f"day={day.isoformat()}/{PART}"
        yield name, (batch for _, batch in slices)


def _days(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[date | None, pa.RecordBatch]]:
    for batch in batches:
        rows, first = batch.drop_columns([_DAY]), 0
        for run in batch.column(_DAY).value_counts().to_pylist():  # days come in order
            yield run["values"], rows.slice(first, run["counts"])
            first += run["counts"]


def write_parquet(path: Path, schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> Partition:
    """Write rows in groups of a fixed size, so that how they are batched leaves no trace."""
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(group.cast(schema))
            count += group.num_rows
    content = path.read_bytes()
    return Partition(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), rows=count)


def _groups(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in rows:
        held.append(batch)
        while sum(part.num_rows for part in held) >= BATCH:
            table = pa.Table.from_batches(held)
            yield table.slice(0, BATCH).combine_chunks()
            held = table.slice(BATCH).to_batches()
    if held:
        yield pa.Table.from_batches(held).combine_chunks()
