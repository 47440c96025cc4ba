"""Tuning a kind of model by cross-validation inside a time budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.artifact import Matrix
from components.credit.candidates import Candidate, Signs
from components.credit.comparing import Judged, roc_auc

if TYPE_CHECKING:
    import optuna

Floats = npt.NDArray[np.float64]
STARTUP = 4
"""Trials before one is given up for doing worse than the median after some of its folds."""


class TuningConfig(BaseModel):
    """How much is tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=60.0, ge=0)
    """Time for all kinds of models together; the usual configuration is always tried."""
    trials: int = Field(default=25, ge=0)
    """Most configurations that are tried of each kind; 0 takes the usual one as it is."""
    folds: int = Field(default=3, ge=2)
    """Folds of the cross-validation."""
    seed: int = 0
    """Seed of folds, draws and models; with enough time the same seed finds the same."""


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to be judged on, as a model sees them."""

    rows: Matrix
    bad: Floats
    signs: Signs
    judged_rows: Matrix
    judged_bad: Floats


@dataclass(frozen=True)
class Tuned:
    """The best configuration of a kind, and what it said of each fold."""

    config: Candidate
    judged: tuple[Judged, ...]
    seconds: float = 0.0
    """Time that the search took."""

    @property
    def roc_auc(self) -> float:
        """Mean over the folds."""
        return float(np.mean([roc_auc(one) for one in self.judged]))


def tune(
    kind: type[Candidate], folds: Sequence[Fold], config: TuningConfig, seconds: float
) -> Tuned:
    """The best of the usual configuration and of what a search finds in so many seconds.

    A trial under way when the time is up is finished. Optuna's tree-structured Parzen estimator
    searches; what does worse than the median of the others after some folds is given up.
    """
    import optuna

    began = perf_counter()
    rows = len(folds[0].rows)
    best = Tuned(kind.usual(rows), tuple(_judge(kind.usual(rows), one, config) for one in folds))
    left = seconds - (perf_counter() - began)
    if left <= 0 or not config.trials:
        return replace(best, seconds=perf_counter() - began)

    def objective(trial: optuna.Trial) -> float:
        nonlocal best
        found = _try(kind.suggested(trial, rows), folds, config, trial)
        best = max(best, found, key=lambda one: one.roc_auc)
        return found.roc_auc

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=config.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP),
    )
    study.optimize(objective, n_trials=config.trials, timeout=left)
    return replace(best, seconds=perf_counter() - began)


def _try(
    drawn: Candidate, folds: Sequence[Fold], config: TuningConfig, trial: optuna.Trial
) -> Tuned:
    import optuna

    judged: list[Judged] = []
    for place, fold in enumerate(folds):
        judged.append(_judge(drawn, fold, config))
        trial.report(float(np.mean([roc_auc(one) for one in judged])), place)
        if trial.should_prune():
            raise optuna.TrialPruned
    return Tuned(drawn, tuple(judged))


def _judge(candidate: Candidate, fold: Fold, config: TuningConfig) -> Judged:
    trees = candidate.fit(fold.rows, fold.bad, fold.signs, config.seed)
    return Judged(fold.judged_bad, trees.margin(fold.judged_rows))
