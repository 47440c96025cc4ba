"""The benchmark of lists measures what the service and the batch step do, small here."""

from __future__ import annotations

from pathlib import Path

from benchmarks.lists import measure


def test_every_number_is_there_and_means_something(tmp_path: Path) -> None:
    told: list[str] = []
    rows = {(row.case, row.metric): row for row in measure(tmp_path, told.append, 400, 60, 50)}
    one, everybody = "one customer of 400 merchants", "50 customers of 60 merchants"
    assert set(rows) == {
        (one, "median_ms"),
        (one, "p99_ms"),
        (everybody, "seconds"),
        (everybody, "cpu_seconds"),
        (everybody, "customers_per_second"),
    }
    assert all(row.value > 0 for row in rows.values())
    assert (rows[one, "median_ms"].peer or 0) > 0
    assert len(told) == 2
