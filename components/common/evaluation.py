"""Metrics of scores against what turned out, with confidence intervals, and gates on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from components.common.domain import Gate
from components.common.verdict import Verdict

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
CARDS = 100
"""Cards that investigators can check per day (card precision)."""
CALIBRATION_BINS = 15
_CHUNK = 16  # draws held in memory at once


@dataclass(frozen=True)
class Metric:
    """A value with its confidence interval (95 %, bootstrap over entities)."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | None]:
        """The metric as JSON; what is not a number becomes null."""
        return {name: _finite(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Scored:
    """Labels and scores of the same rows, and whose and of which day they are."""

    label: npt.NDArray[np.bool_]
    score: Floats
    entity: npt.NDArray[np.int64]
    """Number of the entity (customer) of each row, from 0; the unit of the bootstrap."""
    day: npt.NDArray[np.int64] | None
    """Number of the day of each row, from 0 in order of time; None gives no card precision."""

    @property
    def entities(self) -> int:
        return int(self.entity.max()) + 1 if len(self.entity) else 0


def scored(
    label: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    entity: npt.ArrayLike | None = None,
    day: npt.ArrayLike | None = None,
) -> Scored:
    """Rows to be measured; without `entity` every row counts as its own.

    Raises `ValueError` where lengths differ, a score is not finite, or there is no row.
    """
    y, s = np.asarray(label).astype(bool), np.asarray(score, dtype=np.float64)
    if len(y) == 0 or y.shape != s.shape or not np.isfinite(s).all():
        raise ValueError("Labels and scores must be two equally long, finite, non-empty columns.")
    who = np.arange(len(y)) if entity is None else _codes(entity)
    return Scored(y, s, who, None if day is None else _codes(day))


def part_of(rows: Scored, chosen: npt.NDArray[np.bool_]) -> Scored:
    """Some of the rows [n], to be measured by themselves and without their days.

    Raises `ValueError` where none is chosen.
    """
    return scored(rows.label[chosen], rows.score[chosen], entity=rows.entity[chosen])


def evaluate(rows: Scored, *, resamples: int = 200, seed: int = 0) -> dict[str, Metric]:
    """Every metric of `metrics` with a percentile bootstrap interval.

    Resamples entities, not rows: payments of one customer are not independent. `resamples=0`
    gives intervals of zero width.
    """

    def measure(weights: Floats) -> dict[str, Floats]:
        return metrics(rows, weights)

    return _with_intervals(measure, rows.entities, resamples, seed)


def compare(
    challenger: Scored, champion: Scored, *, resamples: int = 200, seed: int = 0
) -> dict[str, Metric]:
    """Challenger minus champion on the same rows, each pair measured on the same draws."""
    if not np.array_equal(challenger.label, champion.label):
        raise ValueError("The two models must be measured on the same rows.")

    def measure(weights: Floats) -> dict[str, Floats]:
        new, old = metrics(challenger, weights), metrics(champion, weights)
        return {name: new[name] - old[name] for name in new}

    return _with_intervals(measure, challenger.entities, resamples, seed)


def metrics(rows: Scored, weights: Floats) -> dict[str, Floats]:
    """Each metric [b] under each of b weightings [b, entities] of the entities."""
    ranked = _ranked(rows)
    found = [_at_weights(rows, ranked, weight[rows.entity]) for weight in weights]
    table = {name: np.array([one[name] for one in found]) for name in found[0]}
    if rows.day is not None:
        table["card_precision_100"] = card_precision(rows, weights)
    return table


def card_precision(rows: Scored, weights: Floats, *, cards: int = CARDS) -> Floats:
    """Mean over days of the share of compromised cards among the `cards` highest [b].

    A card's score of a day is its highest payment; a card found on an earlier day is out.
    Source: Fraud Detection Handbook, chapter 4.
    """
    if rows.day is None:
        raise ValueError("Card precision needs the day of each row.")
    found = np.zeros(weights.shape, dtype=bool)
    shares = [
        _one_day(rows, rows.day == day, weights, found, cards) for day in range(rows.day.max() + 1)
    ]
    return np.mean(shares, axis=0)


def artifact_difference(expected: Floats, actual: Floats) -> Metric:
    """Largest absolute difference between the scores of the model and of its artifact."""
    worst = float(np.max(np.abs(expected - actual), initial=0.0))
    return Metric(worst, worst, worst)


def judge_gates(measured: Mapping[str, Metric], gates: Iterable[Gate]) -> Verdict:
    """Whether every gate holds, and a sentence for each that does not."""
    gates = tuple(gates)
    reasons = tuple(reason for gate in gates for reason in _broken(gate, measured))
    details = {
        gate.metric: {
            "value": _finite(measured[gate.metric].value) if gate.metric in measured else None,
            "at_least": gate.at_least,
            "at_most": gate.at_most,
        }
        for gate in gates
    }
    return Verdict(ok=not reasons, reasons=reasons, details={"gates": details})


def _broken(gate: Gate, measured: Mapping[str, Metric]) -> list[str]:
    name = gate.metric.replace("_", " ")
    if gate.metric not in measured:
        return [f"The {name} was not measured."]
    value = measured[gate.metric].value
    if not isfinite(value):
        return [f"The {name} cannot be computed on the test rows; is there one class only?"]
    reasons = []
    if gate.at_least is not None and value < gate.at_least:
        reasons.append(f"The {name} is {value:.4g}; at least {gate.at_least:.4g} is required.")
    if gate.at_most is not None and value > gate.at_most:
        reasons.append(f"The {name} is {value:.4g}; at most {gate.at_most:.4g} is allowed.")
    return reasons


@dataclass(frozen=True)
class _Ranked:
    """Rows from the highest score to the lowest."""

    order: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    """Last row of each run of equal scores."""
    bins: npt.NDArray[np.int64]
    """First row of each calibration bin of equally many rows."""


def _ranked(rows: Scored) -> _Ranked:
    order = np.argsort(-rows.score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(rows.score[order]) != 0, True))
    bins = np.unique(np.linspace(0, len(order), CALIBRATION_BINS, endpoint=False).astype(int))
    return _Ranked(order, ends, bins)


def _at_weights(rows: Scored, ranked: _Ranked, weight: Floats) -> dict[str, float]:
    w, y, s = weight[ranked.order], rows.label[ranked.order], rows.score[ranked.order]
    true = np.cumsum(w * y)[ranked.ends]
    flagged = np.cumsum(w)[ranked.ends]
    positives, total = true[-1], flagged[-1]
    rate = positives / total if total else np.nan
    precision = average_precision(true, flagged)
    return {
        "roc_auc": roc_auc(true, flagged - true),
        "average_precision": precision,
        "average_precision_lift": precision / rate if rate else np.nan,
        "base_rate": rate,
        "brier": float(w @ np.square(s - y)) / total if total else np.nan,
        "expected_calibration_error": _calibration_error(w * (s - y), total, ranked.bins),
    }


def roc_auc(true: Floats, false: Floats) -> float:
    """Area under the ROC curve from cumulated positives and negatives, highest score first.

    Ties count half. NaN with one class only.
    """
    if not true[-1] or not false[-1]:
        return float("nan")
    t, f = np.append(0.0, true), np.append(0.0, false)
    return float(np.sum(np.diff(f) * (t[1:] + t[:-1])) / (2 * t[-1] * f[-1]))


def average_precision(true: Floats, flagged: Floats) -> float:
    """Σ (recall step × precision) over thresholds, highest score first; NaN without positives."""
    if not true[-1]:
        return float("nan")
    precision = np.divide(true, flagged, out=np.zeros_like(true), where=flagged > 0)
    return float(np.diff(np.append(0.0, true)) @ precision / true[-1])


def _calibration_error(gap: Floats, total: float, bins: npt.NDArray[np.int64]) -> float:
    """Mean |mean score − share of positives| over bins of equally many rows, by weight."""
    return float(np.abs(np.add.reduceat(gap, bins)).sum() / total) if total else float("nan")


def _one_day(
    rows: Scored,
    today: npt.NDArray[np.bool_],
    weights: Floats,
    found: npt.NDArray[np.bool_],
    cards: int,
) -> Floats:
    """Share of compromised cards among the top of one day [b]; marks in `found` the caught."""
    best = np.full(rows.entities, -np.inf)
    fraud = np.zeros(rows.entities, dtype=bool)
    np.maximum.at(best, rows.entity[today], rows.score[today])
    np.logical_or.at(fraud, rows.entity[today], rows.label[today])
    order = np.argsort(-best, kind="stable")
    order = order[np.isfinite(best[order])]
    left = np.where(found[:, order], 0.0, weights[:, order])
    taken = np.clip(cards - (np.cumsum(left, axis=1) - left), 0.0, left)
    found[:, order] |= (taken > 0) & fraud[order]
    return (taken @ fraud[order].astype(np.float64)) / cards


def _with_intervals(
    measure: Callable[[Floats], dict[str, Floats]], entities: int, resamples: int, seed: int
) -> dict[str, Metric]:
    """Each metric on all entities once, with its interval over draws of the entities."""
    value = measure(np.ones((1, entities)))
    random = np.random.default_rng(seed)
    sizes = [min(_CHUNK, resamples - start) for start in range(0, resamples, _CHUNK)]
    drawn = [measure(_draws(random, entities, size)) for size in sizes] or [value]
    return {
        name: _interval(float(value[name][0]), np.concatenate([one[name] for one in drawn]))
        for name in value
    }


def _draws(random: np.random.Generator, entities: int, size: int) -> Floats:
    """How often each entity is drawn [size, entities], drawn with replacement."""
    picks = random.integers(0, entities, size=(size, entities))
    return np.stack([np.bincount(pick, minlength=entities) for pick in picks]).astype(np.float64)


def _interval(value: float, draws: Floats) -> Metric:
    known = draws[np.isfinite(draws)]
    if not len(known):
        return Metric(value, float("nan"), float("nan"))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Metric(value, float(low), float(high))


def _codes(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    return np.unique(np.asarray(values), return_inverse=True)[1].reshape(-1)


def _finite(value: Any) -> float | None:
    return float(value) if isfinite(value) else None
