"""The drawn arm answers; where it cannot, the other one does, and the record says so."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest

from components.common.artifact import Matrix, Scorer, Scores
from serving.common.manifest import Release
from serving.common.models import Fleet, Model
from serving.common.scoring import ScoreError, probability, score


class Says(Scorer):
    """A model that always gives the same answer, or fails."""

    def __init__(self, answer: float | Exception) -> None:
        self.inputs = ("amount",)
        self._answer = answer

    def score(self, matrix: Matrix) -> Scores:
        if isinstance(self._answer, Exception):
            raise self._answer
        return np.array([self._answer])


def model(version: str, answer: float | Exception) -> Model:
    return Model("fraud-xgboost", Release(version, version * 64, "/nowhere", None), Says(answer))


def fleet(champion: float | Exception, challenger: float | Exception, share: float = 1.0) -> Fleet:
    return Fleet(model("1", champion), model("2", challenger), "canary-50", share, "salt")


def test_the_drawn_arm_answers() -> None:
    scored = score(fleet(0.1, 0.2), "user", {})
    assert scored.drawn == scored.answered
    assert scored.answered is not None
    assert (scored.answered[0], scored.answer, scored.error) == ("challenger", 0.2, None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (math.nan, "invalid_score: nan"),
        (math.inf, "invalid_score: inf"),
        (1.5, "invalid_score: 1.5"),
        (-0.01, "invalid_score: -0.01"),
        (ValueError("secret"), "model_failed: ValueError"),
    ],
)
def test_the_other_arm_answers_for_one_that_fails(answer: float | Exception, error: str) -> None:
    scored = score(fleet(0.1, answer), "user", {})
    assert scored.drawn is not None
    assert scored.answered is not None
    assert (scored.drawn[0], scored.drawn[1].release.version) == ("challenger", "2")
    assert (scored.answered[0], scored.answered[1].release.version) == ("champion", "1")
    assert (scored.answer, scored.error) == (0.1, error)


def test_where_both_fail_nobody_answers_and_the_drawn_arm_is_to_blame() -> None:
    scored = score(fleet(math.nan, RuntimeError()), "user", {})
    assert scored.drawn is not None
    assert scored.drawn[0] == "challenger"
    assert (scored.answered, scored.answer) == (None, None)
    assert scored.error == "model_failed: RuntimeError"


def test_without_a_model_nobody_is_drawn() -> None:
    scored = score(Fleet(), "user", {})
    assert (scored.drawn, scored.answered, scored.answer, scored.error) == (None,) * 4


def test_a_challenger_in_shadow_does_not_stand_in_for_the_champion() -> None:
    scored = score(fleet(math.nan, 0.2, share=0.0), "user", {})
    assert scored.answered is None


def test_a_probability_is_rounded_once() -> None:
    assert probability(model("1", 0.123456789123), {}) == 0.123456789


def test_the_ends_are_probabilities() -> None:
    assert probability(model("1", 0.0), {}) == 0.0
    assert probability(model("1", 1.0), {}) == 1.0


def test_a_feature_that_is_no_number_fails_that_model_only() -> None:
    with pytest.raises(ScoreError, match="model_failed"):
        probability(model("1", 0.5), {"amount": cast(float, "a lot")})
