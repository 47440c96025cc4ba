"""What would have to change: the smallest change of what somebody can change that is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix, Scores

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lever:
    """An input that an applicant can change, and how far in a few steps."""

    feature: str
    factors: tuple[float, ...] = ()
    """Steps as parts of the present value, the smallest change first."""
    moves: tuple[float, ...] = ()
    """Steps as differences to the present value, the smallest change first."""
    least: float = 0.0
    """The value never falls below it."""
    whole: bool = False
    """Whether only whole numbers make sense."""
    cost: float = 1.0
    """How hard the last step is, against those of other levers."""

    def values(self, present: float) -> list[tuple[float, float]]:
        """(value, cost) of the present value and of each step that changes it."""
        wanted = [present * factor for factor in self.factors]
        wanted += [present + move for move in self.moves]
        found, count = [(present, 0.0)], len(wanted)
        for step, value in enumerate(wanted, start=1):
            rounded = max(round(value) if self.whole else value, self.least)
            if rounded not in {known for known, _ in found}:
                found.append((float(rounded), self.cost * step / count))
        return found


LEVERS = (
    Lever("loan_amount", factors=(0.9, 0.8, 0.7, 0.6, 0.5, 0.4), least=1.0, whole=True),
    Lever("term_months", moves=(-6, 6, -12, 12, -24, 24), least=6.0, whole=True, cost=1.2),
    Lever("debt_to_income", factors=(0.9, 0.8, 0.7, 0.6, 0.5), cost=1.5),
    Lever("existing_loans", moves=(-1, -2, -3), whole=True, cost=1.5),
    Lever("employment_months", moves=(6, 12, 24), whole=True, cost=2.0),
)
"""What an applicant for a loan can change: ask for less or for another time, owe less, wait."""

FOLLOWING: Mapping[str, tuple[str, str]] = {"loan_to_income": ("loan_amount", "annual_income")}
"""Inputs that are a ratio of two others, and so change with them."""


@dataclass(frozen=True)
class Change:
    """What would be enough."""

    values: dict[str, float]
    """Input → the value that it would have to take."""
    probability: float
    """The probability of default that would follow."""


def nearest_change(
    score: Callable[[Matrix], Scores],
    inputs: Sequence[str],
    vector: Matrix,
    below: float,
    levers: Sequence[Lever] = LEVERS,
) -> Change | None:
    """The cheapest change of one or two levers that brings the probability below a bound.

    score: rows [n, f] → probabilities [n]; vector: the application [1, f]. A lever whose value is
    null is left alone, and what follows from others follows. None where no change of the steps
    suffices; an application that is below already needs the empty change. Bounded: at most 7 steps
    of each of 5 levers, alone or in pairs, in one call of `score`.
    """
    place = {name: number for number, name in enumerate(inputs)}
    usable = [one for one in levers if one.feature in place]
    steps = {
        one.feature: one.values(float(vector[0, place[one.feature]]))
        for one in usable
        if not np.isnan(vector[0, place[one.feature]])
    }
    tried = _combined(steps)
    rows = np.repeat(vector, len(tried), axis=0)
    for row, (values, _) in zip(rows, tried, strict=True):
        for name, value in values.items():
            row[place[name]] = value
    _follow(rows, vector, place)
    said = score(rows)
    enough = [number for number, probability in enumerate(said) if probability < below]
    if not enough:
        return None
    best = min(enough, key=lambda number: (tried[number][1], said[number]))
    return Change(tried[best][0], float(said[best]))


def _combined(
    steps: Mapping[str, list[tuple[float, float]]],
) -> list[tuple[dict[str, float], float]]:
    """Nothing, each step of one lever, and each pair of steps of two, with their costs."""
    tried: list[tuple[dict[str, float], float]] = [({}, 0.0)]
    for name, values in steps.items():
        tried += [({name: value}, cost) for value, cost in values[1:]]
    for one, other in combinations(steps, 2):
        for (value, cost), (second, more) in product(steps[one][1:], steps[other][1:]):
            tried.append(({one: value, other: second}, cost + more))
    return tried


def _follow(rows: Matrix, vector: Matrix, place: Mapping[str, int]) -> None:
    """Bring along what is a ratio of others; one that was null stays null."""
    for name, (above, below) in FOLLOWING.items():
        if name not in place or above not in place or np.isnan(vector[0, place[name]]):
            continue
        before, after = vector[0, place[above]], rows[:, place[above]]
        if before:
            factor = after / before
            if below in place and vector[0, place[below]]:
                factor = factor * vector[0, place[below]] / rows[:, place[below]]
            rows[:, place[name]] = vector[0, place[name]] * factor
