"""Contract tables as views: every column is there, NaN is null."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.common.contracts import MERCHANTS
from components.common.errors import FinloopError
from components.common.lake_views import make_view


def lake(root: Path, **columns: list[object]) -> Path:
    """A lake with some merchants."""
    (root / "merchants").mkdir()
    pq.write_table(pa.table(columns), root / "merchants" / "part.parquet")
    return root


def test_absent_columns_and_nan_are_null(tmp_path: Path) -> None:
    root = lake(tmp_path, merchant_id=["a", "b"], latitude=[1.5, float("nan")])
    with duckdb.connect() as connection:
        make_view(connection, root, MERCHANTS)
        rows = connection.execute("SELECT latitude, longitude, name FROM merchants").fetchall()
    assert rows == [(1.5, None, None), (None, None, None)]


def test_a_table_that_is_not_there_is_empty(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        make_view(connection, tmp_path, MERCHANTS)
        assert connection.execute("SELECT * FROM merchants").fetchall() == []


def test_a_required_column_must_be_there(tmp_path: Path) -> None:
    root = lake(tmp_path, name=["a"])
    with duckdb.connect() as connection, pytest.raises(FinloopError, match="merchant_id; ingest"):
        make_view(connection, root, MERCHANTS)
