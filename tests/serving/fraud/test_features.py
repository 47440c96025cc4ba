"""Whoever remembers a payment, the model sees it once and in its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from components.common.records import Decision
from components.fraud.features import FRAUD_USER_DAILY, MODEL_INPUT
from components.fraud.history import POSITION, REMEMBERED, History, K, Transaction
from serving.common.online_features import ViewRow
from serving.common.recent import Lately
from serving.fraud.features import (
    DAILY,
    HISTORY,
    RECENT,
    VIEWS,
    gather,
    merge,
    remember,
    sequence,
    transaction_of,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")
MISSING: dict[str, ViewRow] = dict.fromkeys(VIEWS, ViewRow(trouble="missing"))


def paid(name: str, minutes_ago: int = 0, amount: float = 10.0) -> Transaction:
    return Transaction(name, NOW - timedelta(minutes=minutes_ago), "kim", "shop", amount)


def history(*payments: Transaction) -> History:
    known = History()
    for payment in payments:
        known = known.append(payment)
    return known


def lately(*payments: Transaction) -> list[Lately[Transaction]]:
    return [Lately(payment, None) for payment in payments]


payments = st.lists(
    st.builds(paid, st.text("abc", min_size=1, max_size=3), st.integers(0, 5)),
    max_size=2 * K,
    unique_by=lambda payment: payment.transaction_id,
)


@given(payments, st.data())
def test_merging_is_appending_in_any_split(known: list[Transaction], data: st.DataObject) -> None:
    if data.draw(st.booleans()):  # each part after the one before, as it mostly is
        known = sorted(known, key=lambda one: (one.timestamp, one.transaction_id))
    cuts = sorted(data.draw(st.tuples(*[st.integers(0, len(known))] * 2)))
    stored, served, decided = known[: cuts[0]], known[cuts[0] : cuts[1]], known[cuts[1] :]
    twice = [*decided, *served[: data.draw(st.integers(0, 3))]]
    parts = [History.from_columns(history(*part).to_columns()) for part in (stored, served)]
    assert merge(parts, twice) == history(
        *sorted(known, key=lambda one: (one.timestamp, one.transaction_id))
    )


def test_only_what_came_strictly_before_counts() -> None:
    rows: dict[str, ViewRow] = MISSING | {
        HISTORY: ViewRow(history(paid("a", 5)).to_columns(), 300.0)
    }
    decided = [paid("a", 5), paid("b", 3), paid("n", 0), paid("z", 0)]
    found = gather(paid("n", 0), rows, lately(*decided), SEOUL)
    assert found.inputs["history_count"] == 2.0
    assert found.inputs["seconds_since_last"] == 180.0


def test_every_input_is_there_and_a_null_is_a_value() -> None:
    found = gather(paid("n"), MISSING, [], SEOUL)
    assert tuple(found.inputs) == MODEL_INPUT
    assert found.inputs["user_mean_30d"] is None
    assert found.inputs["hour"] == 21.0, "in Seoul"


def test_what_is_no_number_is_null() -> None:
    values = dict.fromkeys(FRAUD_USER_DAILY.names, 1) | {"user_mean_30d": float("nan")}
    found = gather(paid("n"), MISSING | {DAILY[0]: ViewRow(values, 1.0)}, [], SEOUL)
    assert found.inputs["user_mean_30d"] is None
    assert found.inputs["user_count_30d"] == 1.0


def test_what_is_missing_is_named() -> None:
    rows: dict[str, ViewRow] = {
        DAILY[0]: ViewRow(age_seconds=9e9, trouble="stale"),
        DAILY[1]: ViewRow(trouble="unavailable"),
        HISTORY: ViewRow(trouble="missing"),
        RECENT: ViewRow(trouble="missing"),
    }
    assert gather(paid("n"), rows, [], SEOUL).degraded == (
        "fraud_user_daily_stale",
        "fraud_merchant_daily_unavailable",
        "fraud_user_history_missing",
    )


def test_a_user_known_since_the_last_batch_is_not_missing() -> None:
    found = gather(paid("n"), MISSING, lately(paid("a", 5)), SEOUL)
    assert "fraud_user_history_missing" not in found.degraded


def test_a_store_that_is_down_is_named_whoever_else_remembers() -> None:
    rows: dict[str, ViewRow] = MISSING | {HISTORY: ViewRow(trouble="unavailable")}
    found = gather(paid("n"), rows, lately(paid("a", 5)), SEOUL)
    assert "fraud_user_history_unavailable" in found.degraded


def test_a_decision_is_remembered_as_its_payment(decided: Callable[..., Decision]) -> None:
    decision = decided(3, user_id="kim", amount=12.5, device_id="d", latitude=1.0, longitude=2.0)
    assert transaction_of(decision) == Transaction(
        "t3", decision.event_timestamp, "kim", "m1", 12.5, "d", 1.0, 2.0
    )


def test_a_row_is_as_new_as_its_newest_payment() -> None:
    row = remember({}, [(1, paid("b", 1)), (2, paid("a", 2))])
    assert row["event_timestamp"] == NOW - timedelta(minutes=1)
    assert row["transaction_ids"] == ["a", "b"]
    row = remember(row, [(2, paid("a", 2)), (3, paid("c", 0))])
    assert row["transaction_ids"] == ["a", "b", "c"]
    assert (row[REMEMBERED], row[POSITION]) == (3, 3)


def test_the_sequence_counts_what_each_writer_wrote_and_what_waits() -> None:
    rows: dict[str, ViewRow] = MISSING | {
        HISTORY: ViewRow({REMEMBERED: 100}, 1.0),
        RECENT: ViewRow({REMEMBERED: 7, POSITION: 40, "transaction_ids": ["a"]}, 1.0),
    }
    waiting = [
        Lately(paid("a"), None),  # carried before this worker read it in the ledger
        Lately(paid("b"), 40),  # carried, and fallen out of the last K again
        Lately(paid("c"), 41),
        Lately(paid("d"), None),
    ]
    assert sequence(rows, waiting) == 109
    assert sequence(MISSING, waiting) == 4
    assert sequence(rows | {RECENT: ViewRow(trouble="unavailable")}, waiting) is None
