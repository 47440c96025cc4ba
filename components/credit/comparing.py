"""Which of several models is good enough, and the simplest of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """What a model said [n] of rows it had not seen, and what turned out [n] in {0, 1}."""

    bad: Floats
    margin: Floats


@dataclass(frozen=True)
class Difference:
    """Mean difference of two areas under the ROC curve, and its standard error."""

    mean: float
    standard_error: float


def roc_auc(judged: Judged) -> float:
    """Area under the ROC curve; ties count half."""
    caught, _ = _placements(judged)
    return float(caught.mean())


def auc_difference(ours: Sequence[Judged], theirs: Sequence[Judged]) -> Difference:
    """Ours minus theirs, fold by fold on the same rows, averaged over the folds.

    The standard error is that of paired areas: what is hard for both models cancels. DeLong et al.,
    "Comparing the areas under two or more correlated receiver operating characteristic curves",
    1988.
    """
    means, variances = [], []
    for one, other in zip(ours, theirs, strict=True):
        pairs = zip(_placements(one), _placements(other), strict=True)
        caught, spared = (mine - yours for mine, yours in pairs)
        means.append(caught.mean())
        variances.append(_variance(caught) / len(caught) + _variance(spared) / len(spared))
    folds = len(means)
    return Difference(float(np.mean(means)), float(np.sqrt(np.sum(variances)) / folds))


def simplest_of_the_best(judged: Sequence[Sequence[Judged]], ranks: Sequence[int]) -> int:
    """Place of the model of the lowest rank whose area is within one standard error of the best.

    judged: for each model its folds; ranks: from the simplest on. Breiman et al., "Classification
    and Regression Trees", 1984, with the standard error of the difference.
    """
    best = max(
        range(len(judged)), key=lambda place: np.mean([roc_auc(one) for one in judged[place]])
    )

    def good(place: int) -> bool:
        behind = auc_difference(judged[best], judged[place])
        return behind.mean <= behind.standard_error

    return min(filter(good, range(len(judged))), key=lambda place: ranks[place])


def _placements(judged: Judged) -> tuple[Floats, Floats]:
    """Of each bad row the share of good rows below it, of each good row that of bad ones above."""
    bad, good = judged.margin[judged.bad > 0], judged.margin[judged.bad <= 0]
    return _share_below(bad, np.sort(good)), 1 - _share_below(good, np.sort(bad))


def _share_below(values: Floats, others: Floats) -> Floats:
    below = np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")
    return below / (2 * len(others))


def _variance(values: Floats) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0
