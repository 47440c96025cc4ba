"""What is built: nothing from the future, each payment once, the same bytes for the same input."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.common.errors import FinloopError
from components.fraud.features import (
    FEATURES,
    FRAUD_TRANSACTION,
    MODEL_INPUT,
    TABLES,
    build_feature_tables,
)
from components.fraud.history import Transaction
from tests.components.fraud.features.streams import (
    HOUR,
    START,
    Outcome,
    Stream,
    outcomes_of,
    payments,
    read,
    write_lake,
)

STREAMS = [
    Stream(seed, 90, pace, 0.2, 0.3, 4, 3, 0.01, 1000)
    for seed, pace in enumerate([HOUR, 9 * HOUR, 30 * HOUR, timedelta(minutes=2)])
]
TRANSACTIONS = [t for n, stream in enumerate(STREAMS) for t in payments(stream, f"u{n}")]
OUTCOMES = outcomes_of(TRANSACTIONS, 3)


def digests(tables: dict[str, Path]) -> dict[str, str]:
    """SHA-256 of each file."""
    return {name: sha256(path.read_bytes()).hexdigest() for name, path in tables.items()}


def build(root: Path, transactions: list[Transaction], outcomes: list[Outcome], **more: Any) -> Any:
    """Feature tables of a lake made of these rows."""
    lake = write_lake(root / "lake", transactions, outcomes)
    return build_feature_tables(lake, root / "out", "Asia/Seoul", **more)


def test_a_later_payment_or_outcome_never_changes_an_earlier_row(tmp_path: Path) -> None:
    until = START + timedelta(days=20)
    early = [t for t in TRANSACTIONS if t.event_timestamp <= until]
    known = [o for o in OUTCOMES if o.outcome_timestamp < until]
    whole = build(tmp_path / "whole", TRANSACTIONS, OUTCOMES)
    part = build(tmp_path / "part", early, known, as_of=until)
    assert len(early) < len(TRANSACTIONS)
    for table in TABLES:
        seen = [row for row in read(whole[table.name]) if row["event_timestamp"] <= until]
        assert seen
        assert read(part[table.name]) == seen


def test_as_of_hides_what_came_later(tmp_path: Path) -> None:
    until = START + timedelta(days=20)
    early = [t for t in TRANSACTIONS if t.event_timestamp <= until]
    known = [o for o in OUTCOMES if o.outcome_timestamp < until]
    part = build(tmp_path / "part", early, known, as_of=until)
    assert digests(build(tmp_path / "whole", TRANSACTIONS, OUTCOMES, as_of=until)) == digests(part)


def test_an_outcome_counts_only_once_it_is_known(tmp_path: Path) -> None:
    paid = Transaction("t", datetime(2024, 1, 1, 12, tzinfo=UTC), "u", "m", 5.0)
    later = Transaction("z", datetime(2024, 1, 20, 12, tzinfo=UTC), "u", "m", 5.0)
    outcome = Outcome("t", True, datetime(2024, 1, 8, 3, tzinfo=UTC))
    tables = build(tmp_path, [paid, later], [outcome])
    frauds = {
        row["event_timestamp"]: row["merchant_frauds_30d"]
        for row in read(tables["fraud_merchant_daily"])
    }
    first = min(when for when, count in frauds.items() if count)
    assert first == datetime(2024, 1, 8, 15, tzinfo=UTC)  # the next midnight in Seoul
    assert set(frauds.values()) == {0, 1}


def test_the_same_input_gives_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    shuffled, outcomes = TRANSACTIONS.copy(), OUTCOMES.copy()
    random.Random(1).shuffle(shuffled)
    random.Random(2).shuffle(outcomes)
    one = build(tmp_path / "one", TRANSACTIONS, OUTCOMES)
    assert digests(build(tmp_path / "two", shuffled, outcomes)) == digests(one)
    assert not list((tmp_path / "one" / "out").glob(".*"))


def test_a_payment_that_came_twice_counts_once(tmp_path: Path) -> None:
    once = build(tmp_path / "once", TRANSACTIONS, OUTCOMES)
    twice = build(tmp_path / "twice", TRANSACTIONS + TRANSACTIONS[:50], OUTCOMES + OUTCOMES[:50])
    assert digests(twice) == digests(once)


def test_a_lake_without_optional_columns_or_outcomes_gives_nulls(tmp_path: Path) -> None:
    names = ["transaction_id", "event_timestamp", "user_id", "merchant_id", "amount"]
    rows = [{name: getattr(t, name) for name in names} for t in TRANSACTIONS]
    folder = tmp_path / "lake" / "transactions" / "day=2018-10-20"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "part.parquet")
    tables = build_feature_tables(tmp_path / "lake", tmp_path / "out", "UTC")
    live, daily = read(tables["fraud_transaction"]), read(tables["fraud_merchant_daily"])
    assert len(live) == len(TRANSACTIONS)
    assert {row["distance_km"] for row in live} | {row["new_device"] for row in live} == {None}
    assert {row["merchant_known_30d"] for row in daily} == {0}
    assert {row["merchant_risk_30d"] for row in daily} == {None}


def test_not_a_number_is_null(tmp_path: Path) -> None:
    nowhere = Transaction("t", START, "u", "m", 1.0, None, float("nan"), float("nan"))
    again = Transaction("z", START + HOUR, "u", "m", 1.0, None, 37.5, 127.0)
    rows = read(build(tmp_path, [nowhere, again], [])["fraud_transaction"])
    assert [row["distance_km"] for row in rows] == [None, None]


def test_a_lake_without_a_required_column_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "transactions"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"transaction_id": ["a"]}), folder / "part.parquet")
    with pytest.raises(FinloopError, match="has no column amount; ingest it again"):
        build_feature_tables(tmp_path / "lake", tmp_path / "out", "UTC")


def test_an_empty_lake_gives_empty_tables(tmp_path: Path) -> None:
    tables = build_feature_tables(tmp_path / "lake", tmp_path / "out", "UTC")
    assert {name: len(read(path)) for name, path in tables.items()} == dict.fromkeys(tables, 0)


def test_tables_hold_what_is_declared(tmp_path: Path) -> None:
    tables = build(tmp_path, TRANSACTIONS, OUTCOMES)
    for table in TABLES:
        names = pq.read_schema(tables[table.name]).names
        assert names == [table.entity, "event_timestamp", "created", *table.names]
    assert len(set(MODEL_INPUT)) == len(MODEL_INPUT) == len(FEATURES)
    assert not [name for name in MODEL_INPUT if name.endswith("_y")]
    assert all(feature.online for feature in FRAUD_TRANSACTION.features)
    assert all(feature.unit and feature.description for feature in FEATURES)
