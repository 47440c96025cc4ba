"""Thresholds, points and grades."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.common.errors import FinloopError
from components.credit.decision import POLICY, Answer, Policy, decide
from components.credit.points import grade, points


@pytest.mark.parametrize(
    ("probability", "answer"),
    [
        (0.0, Answer.APPROVE),
        (0.149, Answer.APPROVE),
        (0.15, Answer.REVIEW),
        (0.349, Answer.REVIEW),
        (0.35, Answer.DECLINE),
        (1.0, Answer.DECLINE),
        (None, Answer.REVIEW),
    ],
)
def test_a_probability_leads_to_a_decision(probability: float | None, answer: Answer) -> None:
    assert decide(probability, Policy()) is answer


def test_a_policy_comes_back_as_it_was_written(tmp_path: Path) -> None:
    Policy(approve_below=0.05, decline_from=0.2).write(tmp_path)
    assert Policy.read(tmp_path) == Policy(approve_below=0.05, decline_from=0.2)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"approve_below": 0.5, "decline_from": 0.1}', '{"colour": 1}']
)
def test_a_file_that_is_no_policy_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / POLICY).write_text(text)
    with pytest.raises(FinloopError, match="is not a policy") as caught:
        Policy.read(tmp_path)
    assert "\n" not in caught.value.message
    with pytest.raises(FinloopError, match="is not a policy"):
        Policy.read(tmp_path / "nowhere")


def test_forty_points_are_twice_the_odds() -> None:
    assert points(1 / 16) == 600
    assert points(1 / 31) == 640
    assert points(2 / 17) == 560


@pytest.mark.parametrize(("probability", "score"), [(0.0, 850), (1.0, 300), (1e-9, 850)])
def test_a_score_lies_between_300_and_850(probability: float, score: int) -> None:
    assert points(probability) == score


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (850, "AAA"),
        (750, "AAA"),
        (749, "AA"),
        (700, "AA"),
        (650, "A"),
        (600, "BBB"),
        (550, "BB"),
        (500, "B"),
        (499, "C"),
        (300, "C"),
    ],
)
def test_grades_begin_where_they_say(score: int, name: str) -> None:
    assert grade(score) == name
