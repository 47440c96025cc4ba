"""Performance of matured decisions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pandas as pd
import pytest

from components.common.ledger import Ledger
from components.common.records import Decision, Outcome
from monitoring.performance import PerformanceRules, assess, matured, summary

from .conftest import MODEL, NOW

RULES = PerformanceRules("amount", ("APPROVE",), ("DECLINE",), 4, 2)
WEEK = timedelta(days=7)
OLD = NOW - WEEK


def _frame(rows: list[tuple[str, str, str, float, bool | None, float]]) -> pd.DataFrame:
    columns = ["version", "arm", "decision", "score", "label", "amount"]
    return pd.DataFrame(rows, columns=columns).astype({"label": "boolean"})


GOOD = [
    ("1", "champion", "DECLINE", 0.9, True, 500.0),
    ("1", "champion", "DECLINE", 0.8, False, 30.0),
    ("1", "champion", "APPROVE", 0.2, True, 70.0),
    ("1", "champion", "APPROVE", 0.1, False, 10.0),
    ("1", "champion", "APPROVE", 0.1, None, 99.0),
]


@pytest.fixture
def ledger(either_ledger: Ledger) -> Ledger:
    """What these queries say, they say in both databases."""
    return either_ledger


def test_metrics_and_money_of_a_version() -> None:
    (performance,) = assess(_frame(GOOD), RULES)

    assert performance.enough
    assert (performance.matured, performance.known, performance.positives) == (5, 4, 2)
    assert performance.roc_auc == 0.75
    assert performance.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert performance.decline_precision == 0.5
    assert performance.loss == 70.0
    assert performance.wrongly_declined == 30.0


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (GOOD[:3], "3 of 4 known outcomes"),
        ([*GOOD[1:], GOOD[1]], "1 of 2 bad ones"),
    ],
)
def test_too_few_outcomes_are_not_enough_evidence(
    rows: list[tuple[str, str, str, float, bool | None, float]], reason: str
) -> None:
    (performance,) = assess(_frame(rows), RULES)

    assert not performance.enough
    assert performance.average_precision is None
    assert reason in performance.reason
    assert reason in summary([performance])[0]


def test_versions_and_arms_are_told_apart() -> None:
    challenger = [("2", "challenger", *row[2:]) for row in GOOD]

    performances = assess(_frame([*GOOD, *challenger]), RULES)

    assert [(one.version, one.arm) for one in performances] == [
        ("1", "champion"),
        ("2", "challenger"),
    ]
    assert "AUC 0.750" in summary(performances)[1]


def test_nothing_decided_is_nothing_to_assess(ledger: Ledger) -> None:
    assert assess(matured(ledger, "fraud", MODEL, WEEK, NOW, "amount"), RULES) == ()


def test_only_matured_decisions_count_and_the_newest_known_outcome_wins(
    ledger: Ledger,
    decided: Callable[..., Decision],
    became_known: Callable[..., Outcome],
) -> None:
    ledger.append([decided(n, event_timestamp=OLD, amount=10.0 + n) for n in range(3)])
    ledger.append([decided(3, event_timestamp=OLD + timedelta(seconds=1))])
    ledger.append([decided(4, event_timestamp=OLD, version=None, arm="none")])
    ledger.append([decided(5, event_timestamp=OLD, error="the champion failed")])
    ledger.append(
        [
            became_known(0, False, NOW - 2 * WEEK),
            became_known(0, True, NOW),
            became_known(1, True, NOW + timedelta(seconds=1)),
            became_known(3, True),
        ]
    )

    frame = matured(ledger, "fraud", MODEL, WEEK, NOW, "amount")

    assert frame["amount"].tolist() == [10.0, 11.0, 12.0]
    assert frame["label"].tolist() == [True, pd.NA, pd.NA]
