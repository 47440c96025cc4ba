"""Block rules, then the model, then review rules, then allow rules: every case there is."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from components.fraud.decision import Answer, decide
from components.fraud.rules.precedence import overrule
from components.fraud.rules.ruleset import RuleSet
from components.fraud.rules.schema import Action, Rule

PROBABILITIES = {"approves": 0.1, "reviews": 0.5, "declines": 0.9, "missing": None}
"""What the model says, by the default thresholds."""
DECIDED = {
    # rules that apply:     the model approves, reviews, declines, is missing
    "": "APPROVE REVIEW DECLINE REVIEW",
    "approve": "APPROVE APPROVE DECLINE APPROVE",
    "step_up": "STEP_UP REVIEW DECLINE STEP_UP",
    "review": "REVIEW REVIEW DECLINE REVIEW",
    "decline": "DECLINE DECLINE DECLINE DECLINE",
    "step_up approve": "STEP_UP REVIEW DECLINE STEP_UP",
    "review approve": "REVIEW REVIEW DECLINE REVIEW",
    "review step_up": "REVIEW REVIEW DECLINE REVIEW",
    "decline approve": "DECLINE DECLINE DECLINE DECLINE",
    "decline step_up": "DECLINE DECLINE DECLINE DECLINE",
    "decline review": "DECLINE DECLINE DECLINE DECLINE",
    "review step_up approve": "REVIEW REVIEW DECLINE REVIEW",
    "decline step_up approve": "DECLINE DECLINE DECLINE DECLINE",
    "decline review approve": "DECLINE DECLINE DECLINE DECLINE",
    "decline review step_up": "DECLINE DECLINE DECLINE DECLINE",
    "decline review step_up approve": "DECLINE DECLINE DECLINE DECLINE",
}
CASES = [
    (actions.split(), model, decided)
    for actions, row in DECIDED.items()
    for model, decided in zip(PROBABILITIES, row.split(), strict=True)
]


def rule(action: str, number: int = 0) -> Rule:
    name = f"{action}-{number}".replace("_", "-")
    made = {
        "id": name,
        "action": action,
        "reason": name.upper().replace("-", "_"),
        "text_en": f"{name}.",
        "text_ko": f"{name}.",
        "when": {"field": "amount", "operator": "is not null"},
    }
    return RuleSet.of({"rules": [made]}).file.rules[0]


def test_the_table_has_every_combination_of_rules() -> None:
    every = chain.from_iterable(combinations(Action, size) for size in range(len(Action) + 1))
    assert {frozenset(row.split()) for row in DECIDED} == {
        frozenset(one.value for one in some) for some in every
    }


@pytest.mark.parametrize(("actions", "model", "decided"), CASES)
def test_who_overrides_whom(actions: list[str], model: str, decided: str) -> None:
    found = [rule(action) for action in actions]
    for order in (found, found[::-1]):
        verdict = overrule(decide(PROBABILITIES[model]), order)
        assert verdict.decision == decided
        assert verdict.applied == tuple(order)


@pytest.mark.parametrize(("actions", "model", "decided"), CASES)
def test_only_rules_that_speak_for_the_decision_are_reasons(
    actions: list[str], model: str, decided: str
) -> None:
    verdict = overrule(decide(PROBABILITIES[model]), [rule(action) for action in actions])
    because = {one.action.value for one in verdict.because}
    if decided == "APPROVE":
        assert because == ({"approve"} if model != "approves" and "approve" in actions else set())
    else:
        assert because == set(actions) - {"approve"}


def test_the_strictest_rule_comes_first_and_rules_alike_keep_their_order() -> None:
    found = [rule("step_up"), rule("review", 2), rule("decline"), rule("review", 1)]
    because = overrule(decide(0.1), found).because
    assert [one.id for one in because] == ["decline-0", "review-2", "review-1", "step-up-0"]


def test_only_a_rule_asks_to_authenticate_again() -> None:
    assert Answer.STEP_UP not in {decide(at / 100).decision for at in range(101)}
