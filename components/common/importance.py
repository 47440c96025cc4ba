"""How much an artifact leans on each feature: what its ranking loses when that one is shuffled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.common.artifact import Scorer, matrix
from components.common.evaluation import evaluate, scored
from components.common.lags import parse_lag

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 2_000
"""Test rows that are shuffled; half of them positives, as far as there are some."""


def permutation_importance(
    scorer: Scorer, test: pd.DataFrame, label: str, seed: int = 0
) -> dict[str, float]:
    """Feature → area under the ROC curve that is lost without it, on a sample of test rows.

    A feature is shuffled together with its values at earlier events, the same way. Rounded, so
    that the same rows give the same picture anywhere. Source: Breiman, "Random Forests", 2001.
    """
    draw = np.random.default_rng(seed)
    rows = test.iloc[_sample(test[label].to_numpy(bool), draw)]
    values, truth = matrix(rows, scorer.inputs), rows[label].to_numpy(bool)
    order = draw.permutation(len(rows))
    columns: dict[str, list[int]] = {}
    for place, name in enumerate(scorer.inputs):
        columns.setdefault(parse_lag(name)[0], []).append(place)

    def area(shuffled: list[int]) -> float:
        changed = values.copy()
        changed[:, shuffled] = values[order][:, shuffled]
        return evaluate(scored(truth, scorer.score(changed)), resamples=0)["roc_auc"].value

    whole = area([])
    return {name: round(whole - area(places), 5) for name, places in columns.items()}


def _sample(label: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Rows of both classes, equally many as far as there are, in order."""
    parts = [np.flatnonzero(label == value) for value in (True, False)]
    chosen = [draw.permutation(part)[: _ROWS // 2] for part in parts]
    return np.sort(np.concatenate(chosen))
