"""From prepared columns to a finished feature table: piece by piece, on every core, in order."""
# ruff: noqa: S608 - SQL is put together from expressions of our own

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.common.features import FeatureTable
from components.common.series import Ints

TIMESTAMP = pa.timestamp("us", tz="UTC")
Column = NDArray | pa.Array


@dataclass(frozen=True)
class Prepared:
    """Some rows of a table before its expressions: whose, as of when, and what these speak of."""

    entity: pa.Array
    moment: Ints
    """Microseconds since 1970 UTC."""
    columns: Mapping[str, Column]
    """NaN is null."""


def write_features(
    table: FeatureTable, pieces: Iterable[Callable[[], Prepared]], path: Path
) -> None:
    """Evaluate a table's expressions over prepared pieces and write them, whole or not at all.

    Pieces are prepared and evaluated by as many threads as there are cores and written in their
    order, so that the same pieces give the same bytes.
    """
    schema = _schema(table)
    with duckdb.connect(config={"threads": 1}) as connection:

        def finished(piece: Callable[[], Prepared]) -> pa.Table:
            return _evaluate(connection.cursor(), table, piece(), schema)

        with whole_file(path) as fresh, _writer(fresh, table, schema) as writer:
            for part in _in_order(finished, pieces):
                writer.write_table(part)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name to write to that becomes `path` at the end, or nothing where writing fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _schema(table: FeatureTable) -> pa.Schema:
    fields = [(table.entity, pa.string()), ("event_timestamp", TIMESTAMP), ("created", TIMESTAMP)]
    return pa.schema([*fields, *((name, pa.float64()) for name in table.names)])


def _writer(path: Path, table: FeatureTable, schema: pa.Schema) -> pq.ParquetWriter:
    """Numbers seldom repeat, and nobody looks for one: a dictionary, or the bounds, of them cost
    more than they save."""
    repeated: Any = [table.entity] if table.cadence == "midnight" else []
    bounded: Any = [table.entity, "event_timestamp"]
    return pq.ParquetWriter(
        path, schema, use_dictionary=repeated, write_statistics=bounded, compression="lz4"
    )


def _evaluate(
    cursor: duckdb.DuckDBPyConnection, table: FeatureTable, piece: Prepared, schema: pa.Schema
) -> pa.Table:
    """The finished rows of a piece; an expression that is a column's name needs no engine."""
    prepared = {name: _nullable(column) for name, column in piece.columns.items()}
    ready = {
        feature.name: prepared[feature.offline].cast(pa.float64(), safe=False)
        for feature in table.features
        if feature.offline in prepared
    }
    if expressions := table.expressions(leave=ready.keys()):
        cursor.register("prepared", pa.table(prepared))
        computed = cursor.sql(f"SELECT {expressions} FROM prepared").to_arrow_table()
        ready |= dict(zip(computed.column_names, computed.columns, strict=True))
    moment = pa.array(piece.moment).cast(TIMESTAMP)
    features = [ready[name] for name in table.names]
    return pa.table([piece.entity, moment, moment, *features], schema=schema)


def _nullable(column: Column) -> pa.Array:
    if not isinstance(column, np.ndarray):
        return column
    return pa.array(column, from_pandas=column.dtype.kind == "f")


def _in_order(
    work: Callable[[Callable[[], Prepared]], pa.Table], pieces: Iterable[Callable[[], Prepared]]
) -> Iterator[pa.Table]:
    """Results in the order of the pieces; few are ahead, so that memory stays bounded."""
    threads = os.cpu_count() or 1
    ahead: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for piece in pieces:
            ahead.append(pool.submit(work, piece))
            if len(ahead) > 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
