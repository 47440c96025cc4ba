"""A user's last payments: their order, their number, and how they are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.fraud.features import live_features
from components.fraud.history import History, K, Transaction

START = datetime(2024, 5, 1, tzinfo=UTC)


def payment(number: int, minute: int, **more: object) -> Transaction:
    """A payment so many minutes after the start."""
    when = START + timedelta(minutes=minute)
    return Transaction(f"t{number:03}", when, "u", "m", float(number), **more)  # type: ignore[arg-type]


def gather(transactions: list[Transaction]) -> History:
    """The history after these payments, told in this order."""
    history = History()
    for transaction in transactions:
        history = history.append(transaction)
    return history


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), max_size=100), st.randoms())
def test_payments_told_in_any_order_give_the_same_history(minutes: list[int], draw: object) -> None:
    transactions = [payment(number, minute) for number, minute in enumerate(minutes)]
    shuffled = transactions.copy()
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    history = gather(transactions)
    assert gather(shuffled) == history
    ordered = sorted(transactions, key=lambda t: (t.event_timestamp, t.transaction_id))
    assert list(history.transaction_ids) == [t.transaction_id for t in ordered[-K:]]


def test_a_payment_counts_once_and_a_history_is_never_changed() -> None:
    one = gather([payment(1, 1)])
    two = one.append(payment(2, 2))
    assert two.append(payment(1, 1)) is two
    assert (len(one), len(two)) == (1, 2)


def test_the_past_ends_strictly_before_a_payment() -> None:
    history = gather([payment(number, 5) for number in (1, 2, 3)])
    assert history.before(payment(2, 5)).transaction_ids == ("t001",)
    assert history.before(payment(9, 5)) is history
    assert live_features(payment(2, 5), history, ZoneInfo("UTC"))["history_count"] == 1.0


def test_columns_of_the_feature_store_bring_back_the_history() -> None:
    history = gather([payment(1, 1), payment(2, 2, device_id="d", latitude=37.5, longitude=127.0)])
    columns = history.to_columns()
    assert columns["device_ids"] == ["", "d"]
    assert np.isnan(columns["latitudes"][0])
    assert History.from_columns(columns) == history
    arrays = {name: np.array(values) for name, values in columns.items()}
    assert History.from_columns(arrays) == history  # type: ignore[arg-type]
    assert History.from_columns({"timestamps": None}) == History()


def test_a_first_payment_has_no_past() -> None:
    features = live_features(payment(1, 1), History(), ZoneInfo("Asia/Seoul"))
    known = {name for name, value in features.items() if value is not None}
    assert {"amount", "hour", "history_count", "count_last_1h", "amount_sum_last_7d"} <= known
    assert not known & {"seconds_since_last", "amount_mean_last_64", "new_merchant", "speed_kmh"}
    assert features["hour"] == 9.0
