"""Why a payment was not let through: stable codes with a text in English and Korean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from components.common.artifact import Matrix, read_inputs
from components.common.tree_paths import TreePaths
from components.fraud.boosting import BOOSTER
from components.fraud.isolation_forest import ANOMALY, IsolationForest
from components.fraud.occlusion import Occlusion
from components.fraud.reason_codes import TEXTS, spoken
from components.fraud.sequence import STATE

LIMIT = 4
"""Most reasons that an answer carries."""
LEAST_SHARE = 0.2
"""Another reason than the strongest carries at least this share of all that pushed towards fraud.

What carries less is drawn by the seed of the training as much as by the payment. Between retrains
of the synthetic company (other seeds, some days more) the reasons of 74 to 80 % of the stopped
payments are the same ones; with a share of 0.05 it were 46 to 59 %.
"""


@dataclass(frozen=True)
class Reason:
    """One thing that pushed a score towards fraud."""

    code: str
    text: str
    text_ko: str
    contribution: float
    """Sum on the log-odds scale."""


def explain(directory: Path, vector: Matrix, *, limit: int = LIMIT) -> tuple[Reason, ...]:
    """What pushed this payment [1, f] towards fraud, strongest first, at most `limit`.

    `directory` is an exported artifact. Contributions are on the log-odds scale: those of the
    trees, summed over the features that share a code, where a null speaks for LITTLE_KNOWN; of a
    network those of whole groups of inputs (`occlusion`). A text that would be untrue at the
    feature's value is left out.
    """
    if not _has_trees(directory):
        return rank_codes(_network(directory).pushes(vector), limit=limit)
    trees = _loaded(directory)
    row = vector if trees.forest is None else trees.forest.widen(vector)
    pushes = trees.paths.contributions(row[0]).tolist()
    return rank_reasons(trees.names, row[0], pushes, limit=limit)


def rank_reasons(
    inputs: Sequence[str], values: Sequence[float], pushes: Sequence[float], *, limit: int = LIMIT
) -> tuple[Reason, ...]:
    """Reasons from the values [f] and contributions [f] of one payment."""
    sums: dict[str, float] = {}
    for name, value, push in zip(inputs, values, pushes, strict=True):
        code = spoken(name, float(value))
        if code is not None:
            sums[code] = sums.get(code, 0.0) + float(push)
    return rank_codes(sums, limit=limit)


def rank_codes(sums: Mapping[str, float], *, limit: int = LIMIT) -> tuple[Reason, ...]:
    """Reasons from the contribution of each code: the strongest, and others that matter too."""
    towards = {code: push for code, push in sums.items() if push > 0}
    least = LEAST_SHARE * sum(towards.values())
    ranked = sorted(towards.items(), key=lambda one: (-one[1], one[0]))
    told = [*ranked[:1], *(one for one in ranked[1:limit] if one[1] >= least)]
    return tuple(Reason(code, *TEXTS[code], push) for code, push in told)


@dataclass(frozen=True)
class _Trees:
    """What an explanation needs of an artifact."""

    paths: TreePaths
    forest: IsolationForest | None
    inputs: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the trees see."""
        return self.inputs if self.forest is None else (*self.inputs, ANOMALY)


@lru_cache(maxsize=8)
def _loaded(directory: Path) -> _Trees:
    """An artifact's trees; its folder is sealed, so what was read once stays true."""
    forest = IsolationForest.read(directory)
    return _Trees(TreePaths.read(directory / BOOSTER), forest, read_inputs(directory))


@lru_cache(maxsize=8)
def _network(directory: Path) -> Occlusion:
    return Occlusion.read(directory)


def warm(directory: Path) -> None:
    """Load what explains and explain once, so that the first refusal does not pay for it."""
    explain(directory, np.zeros((1, len(read_inputs(directory))), dtype=np.float32))


@cache
def _has_trees(directory: Path) -> bool:
    """Only a network is known to have none: trees that are lost are an error, and told as one."""
    return not (directory / STATE).exists()
