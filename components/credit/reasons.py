"""Why a credit score is not higher: stable codes with a text in English and Korean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.common.artifact import Matrix
from components.credit.explaining import read_explainer
from components.credit.reason_codes import TEXTS, spoken

LIMIT = 4
"""Most reasons of an answer: what a notice of adverse action names (12 CFR 1002.9, comment 9-2)."""
LEAST_SHARE = 0.05
"""Another reason than the strongest carries at least this share of all that lowered the score."""


@dataclass(frozen=True)
class Reason:
    """One thing that lowered a score."""

    code: str
    text: str
    text_ko: str
    contribution: float
    """What it adds to the log-odds of default, against the mean of the training rows."""


def explain(directory: Path, vector: Matrix, *, limit: int = LIMIT) -> tuple[Reason, ...]:
    """What lowered the score of this application [1, f], strongest first, at most `limit`.

    `directory` is an exported artifact. Exact Shapley values, summed over the inputs that share a
    code; one that raises the score is no reason. Nothing where nothing lowered it.
    """
    explainer = read_explainer(directory)
    pushes = explainer.contributions(vector).tolist()
    return rank_reasons(explainer.inputs, vector[0].tolist(), pushes, limit=limit)


def rank_reasons(
    inputs: Sequence[str], values: Sequence[float], pushes: Sequence[float], *, limit: int = LIMIT
) -> tuple[Reason, ...]:
    """Reasons from the values [f] and contributions [f] of one application."""
    sums: dict[str, float] = {}
    for name, value, push in zip(inputs, values, pushes, strict=True):
        code = spoken(name, value)
        sums[code] = sums.get(code, 0.0) + push
    lowered = {code: push for code, push in sums.items() if push > 0}
    least = LEAST_SHARE * sum(lowered.values())
    ranked = sorted(lowered.items(), key=lambda one: (-one[1], one[0]))
    told = [*ranked[:1], *(one for one in ranked[1:limit] if one[1] >= least)]
    return tuple(Reason(code, *TEXTS[code], push) for code, push in told)


def warm(directory: Path) -> None:
    """Load what explains and explain once, so that the first answer does not pay for it."""
    width = len(read_explainer(directory).inputs)
    explain(directory, np.full((1, width), np.nan, dtype=np.float32))
