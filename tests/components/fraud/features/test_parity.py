"""Both engines give the same live features, on random streams of every kind."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from components.fraud.features import FRAUD_TRANSACTION, build_feature_tables, live_features
from components.fraud.history import REMEMBERED, History, Transaction
from components.fraud.sequence_steps import STEP, STEPS
from tests.components.fraud.features.streams import (
    STREAMS,
    ZONES,
    Stream,
    in_order,
    payments,
    read,
    write_lake,
)


def online(transactions: list[Transaction], zone: str) -> dict[str, dict[str, float | None]]:
    """Features as serving makes them: one payment after the other, history carried along."""
    history, features = History(), {}
    for transaction in in_order(transactions):
        features[transaction.transaction_id] = live_features(transaction, history, ZoneInfo(zone))
        history = history.append(transaction)
    return features


def differences(
    offline: dict[str, float | None], live: dict[str, float | None]
) -> list[tuple[str, float | None, float | None]]:
    """Features on which the engines disagree beyond rounding, or on null."""
    return [
        (f.name, offline[f.name], live[f.name])
        for f in FRAUD_TRANSACTION.features
        if not _same(offline[f.name], live[f.name], f.rounding)
    ]


def _same(one: float | None, other: float | None, absolute: float) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=absolute)


@settings(  # one example is 50 streams or more in one build, so 600 in all; too many to shrink
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(STREAMS, min_size=50, max_size=70), st.sampled_from(ZONES))
def test_600_random_streams_are_the_same_in_both_engines(streams: list[Stream], zone: str) -> None:
    users = [payments(stream, f"user{number}") for number, stream in enumerate(streams)]
    with tempfile.TemporaryDirectory() as folder:
        lake = write_lake(Path(folder) / "lake", [t for user in users for t in user])
        tables = build_feature_tables(lake, Path(folder) / "out", zone)
        offline = {row["transaction_id"]: row for row in read(tables["fraud_transaction"])}
        states = {row["user_id"]: row for row in read(tables["fraud_user_history"])}
    assert len(offline) == sum(map(len, users))
    for transactions in users:
        for transaction_id, live in online(transactions, zone).items():
            assert differences(offline[transaction_id], live) == []
        if transactions:
            state = states[transactions[0].user_id]
            kept = History.from_columns(state)
            assert replace(kept, steps=last(transactions).steps) == last(transactions)
            assert live_steps(kept) == wanted_steps(transactions, offline)
            assert state[REMEMBERED] == len(transactions)


def last(transactions: list[Transaction]) -> History:
    """The history after all of a user's payments."""
    history = History()
    for transaction in transactions:
        history = history.append(transaction)
    return history


def live_steps(history: History) -> list[list[float | None]]:
    """Live features of the newest payments, oldest first."""
    return [step_values(dict(zip(STEP, step, strict=True))) for step in history.steps if step]


def wanted_steps(
    transactions: list[Transaction], offline: dict[str, dict[str, float | None]]
) -> list[list[float | None]]:
    newest = in_order(transactions)[-STEPS:]
    return [step_values(offline[one.transaction_id]) for one in newest]


def step_values(known: dict[str, float | None]) -> list[float | None]:
    return [known[name] for name in STEP if name in FRAUD_TRANSACTION.names]


def test_a_difference_is_noticed() -> None:
    stream = Stream(1, 80, timedelta(hours=5), 0.1, 0.1, 3, 2, 0.01, 1000)
    live = online(payments(stream, "user"), "UTC")
    first, second = list(live.values())[40:42]
    assert [name for name, *_ in differences(first, second)]
    assert differences(first, first) == []
