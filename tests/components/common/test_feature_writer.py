"""Feature files: in the order of their pieces, whole or not there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.common.feature_writer import Prepared, write_features
from components.common.features import Feature, FeatureTable

TABLE = FeatureTable(
    name="shop",
    entity="shop_id",
    description="A shop",
    features=(
        Feature("sales", "shop", "items", "As they are", "sales"),
        Feature("share", "shop", "share", "Made by an expression", "sales / nullif(visits, 0)"),
        Feature("age", "shop", "days", "NaN is null", "age"),
    ),
    cadence="midnight",
)


def piece(number: int) -> Prepared:
    """Two rows of one shop."""
    columns = {
        "sales": np.array([number, number + 1]),
        "visits": np.array([0, 4]),
        "age": np.array([np.nan, 0.5]),
    }
    return Prepared(pa.array([f"s{number}"] * 2), np.array([0, 1_000_000]), columns)


def pieces(count: int) -> list[Callable[[], Prepared]]:
    return [partial(piece, number) for number in range(count)]


def test_rows_come_in_the_order_of_the_pieces(tmp_path: Path) -> None:
    write_features(TABLE, pieces(40), tmp_path / "shop.parquet")
    rows = pq.read_table(tmp_path / "shop.parquet").to_pylist()
    assert [row["shop_id"] for row in rows] == [f"s{n}" for n in range(40) for _ in range(2)]
    assert [row["sales"] for row in rows[:4]] == [0.0, 1.0, 1.0, 2.0]
    assert [row["share"] for row in rows[:4]] == [None, 0.25, None, 0.5]
    assert [row["age"] for row in rows[:2]] == [None, 0.5]
    assert rows[1]["event_timestamp"] == rows[1]["created"]
    assert rows[1]["event_timestamp"].isoformat() == "1970-01-01T00:00:01+00:00"


def test_no_pieces_make_an_empty_table(tmp_path: Path) -> None:
    write_features(TABLE, [], tmp_path / "shop.parquet")
    table = pq.read_table(tmp_path / "shop.parquet")
    assert table.num_rows == 0
    assert table.column_names == ["shop_id", "event_timestamp", "created", *TABLE.names]


def test_a_piece_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    write_features(TABLE, pieces(2), path)
    before = path.read_bytes()
    broken = Prepared(pa.array(["x"]), np.array([0]), {"sales": np.array([1])})
    with pytest.raises(duckdb.Error, match="visits"):
        write_features(TABLE, [*pieces(30), lambda: broken, *pieces(30)], path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["shop.parquet"]
