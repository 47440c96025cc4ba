"""From probability to decision."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.common.errors import FinloopError
from components.fraud.decision import POLICY, Answer, Policy, Risk, Ruling, decide

ORDER = [Answer.APPROVE, Answer.REVIEW, Answer.DECLINE]


@pytest.mark.parametrize(
    ("probability", "answer", "risk"),
    [
        (0.0, Answer.APPROVE, Risk.LOW),
        (math.nextafter(0.3, 0), Answer.APPROVE, Risk.LOW),
        (0.3, Answer.REVIEW, Risk.MEDIUM),
        (math.nextafter(0.7, 0), Answer.REVIEW, Risk.MEDIUM),
        (0.7, Answer.DECLINE, Risk.HIGH),
        (1.0, Answer.DECLINE, Risk.HIGH),
    ],
)
def test_a_threshold_belongs_to_the_stricter_side(
    probability: float, answer: Answer, risk: Risk
) -> None:
    assert decide(probability) == Ruling(answer, risk, probability, degraded=False)


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, -0.1, 1.1])
def test_without_a_usable_probability_a_person_looks(nothing: float | None) -> None:
    assert decide(nothing) == Ruling(Answer.REVIEW, Risk.MEDIUM, None, degraded=True)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_probability_is_never_treated_more_kindly(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert ORDER.index(decide(low).decision) <= ORDER.index(decide(high).decision)


def test_a_policy_comes_back_from_disk(tmp_path: Path) -> None:
    policy = Policy(approve_below=0.05, decline_from=0.9)
    policy.write(tmp_path)
    assert Policy.read(tmp_path) == policy
    assert decide(0.06, Policy.read(tmp_path)).decision is Answer.REVIEW


def test_one_threshold_leaves_no_room_for_review() -> None:
    policy = Policy(approve_below=0.5, decline_from=0.5)
    assert {decide(p, policy).decision for p in (0.49, 0.5)} == {Answer.APPROVE, Answer.DECLINE}


@pytest.mark.parametrize(("approve", "decline"), [(0.8, 0.7), (0, 0.7), (0.3, 1.1), (math.nan, 1)])
def test_thresholds_in_the_wrong_order_are_refused(approve: float, decline: float) -> None:
    with pytest.raises(FinloopError, match="approve_below"):
        Policy(approve, decline)


@pytest.mark.parametrize("text", ["", "[]", '{"approve": 0.3}', '{"approve_below": "0.3"}'])
def test_a_file_that_is_no_policy_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / POLICY).write_text(text)
    with pytest.raises(FinloopError, match="not a policy"):
        Policy.read(tmp_path)


def test_a_missing_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="not a policy"):
        Policy.read(tmp_path)
