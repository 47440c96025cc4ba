"""What a replay by another version adds up to."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from components.common.records import Decision
from components.common.sums import Sum
from serving.common.comparison import Comparison, latest_labels
from serving.common.replay import Replayed

Make = Callable[..., Decision]


def replayed(decision: Decision, now: str | None) -> Replayed:
    again = None if now is None else json.dumps({"decision": now})
    return Replayed(decision.decision_id, "2", decision.answer, again)


def one(decided: Make, number: int, before: str, amount: float = 50.0) -> Decision:
    return decided(number, decision=before, answer=json.dumps({"decision": before}), amount=amount)


@pytest.mark.parametrize(
    ("before", "now", "label", "counted"),
    [
        ("APPROVE", "DECLINE", True, {"newly_stopped", "fraud_caught"}),
        ("APPROVE", "REVIEW", False, {"newly_stopped", "good_stopped"}),
        ("DECLINE", "APPROVE", True, {"newly_let_through", "fraud_lost"}),
        ("REVIEW", "APPROVE", False, {"newly_let_through", "good_let_through"}),
        ("REVIEW", "APPROVE", None, {"newly_let_through"}),
        ("REVIEW", "DECLINE", True, set()),
        ("APPROVE", "APPROVE", True, set()),
    ],
)
def test_money_is_counted_where_a_decision_is_turned_round(
    decided: Make, before: str, now: str, label: bool | None, counted: set[str]
) -> None:
    found = Comparison()
    decision = one(decided, 1, before)
    found.add(decision, replayed(decision, now), label)
    assert {name for name, each in vars(found.money).items() if each.count} == counted
    assert all(each == Sum(1, 50.0) for each in vars(found.money).values() if each.count)
    assert found.matrix == {(before, now): Sum(1, 50.0)}
    assert found.mismatches == (before != now)


def test_what_cannot_be_answered_is_counted_apart(decided: Make) -> None:
    found = Comparison()
    decision = one(decided, 1, "APPROVE")
    found.add(decision, replayed(decision, None), True)
    assert (found.decisions, found.mismatches, found.unanswered) == (1, 1, 1)
    assert found.matrix == {}


def test_its_size_does_not_grow_with_the_differences(decided: Make) -> None:
    found = Comparison()
    for number in range(100):
        decision = one(decided, number, "APPROVE", amount=0.1)
        found.add(decision, replayed(decision, "DECLINE"), None)
    assert (found.mismatches, len(found.different), len(found.matrix)) == (100, 20, 1)
    assert found.money.newly_stopped == Sum(100, 10.0), "tenths add up exactly"


def test_the_last_word_on_a_subject_counts() -> None:
    rows = [
        {"domain": "fraud", "subject_id": "t1", "label": 0},
        {"domain": "fraud", "subject_id": "t1", "label": 1},
        {"domain": "fraud", "subject_id": "t2", "label": 0},
    ]
    assert latest_labels(rows) == {("fraud", "t1"): True, ("fraud", "t2"): False}
