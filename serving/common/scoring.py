"""Ask the drawn arm for a probability, and the other one where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Generic, TypeVar

from serving.common.arms import Arm
from serving.common.budget import UNLIMITED, Budget, LateError
from serving.common.models import Fleet, Model

T = TypeVar("T")
DIGITS = 9
"""Digits that a probability is rounded to, once, so that a replay spells it the same."""


class ScoreError(Exception):
    """A model did not give a probability; the text says why, with a stable first word."""


LATE = "model_late"
"""First word of the error of a model that had no answer within its budget."""


@dataclass(frozen=True)
class Answered(Generic[T]):
    """Who was asked, and who answered what."""

    drawn: tuple[Arm, Model] | None
    """The arm of this entity; None where no version is there."""
    answered: tuple[Arm, Model] | None
    """The arm that answered; another one where the drawn arm failed."""
    answer: T | None
    error: str | None
    """What went wrong in the drawn arm."""

    def troubles(self, model: str) -> Iterator[str]:
        """Stable names of what went wrong with the version of `model` that was drawn."""
        if self.drawn is None:
            yield "model_missing"
        elif self.error is not None:
            yield f"{model}_late" if self.error.startswith(LATE) else f"{self.drawn[0]}_failed"


def score(
    fleet: Fleet, entity_id: str, features: Mapping[str, Any], budget: Budget = UNLIMITED
) -> Answered[float]:
    """The probability for an entity from the first arm that can give one in time."""
    return ask(fleet, entity_id, lambda model: probability(model, features), budget)


def ask(
    fleet: Fleet, entity_id: str, question: Callable[[Model], T], budget: Budget = UNLIMITED
) -> Answered[T]:
    """The answer for an entity from the first arm that can give one in time.

    `question` raises `ScoreError` where a version has no answer.
    """
    arms = fleet.arms(entity_id)
    drawn = arms[0] if arms else None
    first_error: str | None = None
    for arm, model in arms:
        try:
            return Answered(drawn, (arm, model), _in_time(model, question, budget), first_error)
        except ScoreError as error:
            first_error = first_error or str(error)
    return Answered(drawn, None, None, first_error)


def _in_time(model: Model, question: Callable[[Model], T], budget: Budget) -> T:
    """An answer within a budget; raises `ScoreError` starting with `model_late` beyond it."""
    try:
        return budget.call(model.release.digest, lambda: question(model))
    except LateError:
        raise ScoreError(f"{LATE}: no answer within {budget.milliseconds:g} ms") from None


def probability(model: Model, features: Mapping[str, Any]) -> float:
    """The calibrated probability of one feature vector, rounded to `DIGITS`.

    Raises `ScoreError` starting with `model_failed` where the model raises, and with
    `invalid_score` where its answer is no number in [0, 1].
    """
    try:
        answers = model.scorer.score(model.scorer.vector(features))
        answer = float(answers[0])
    except Exception as error:  # whatever a runtime raises is a failure of that model
        raise ScoreError(f"model_failed: {type(error).__name__}") from error
    if not isfinite(answer) or not 0 <= answer <= 1:
        raise ScoreError(f"invalid_score: {answer}")
    return round(answer, DIGITS)
