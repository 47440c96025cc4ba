"""Tuning begins with the usual, never does worse on its folds, and gives up what is hopeless."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import optuna
import pytest
from pydantic import BaseModel, ConfigDict

from components.common.artifact import Matrix
from components.common.trees import Trees
from components.credit.binning import Floats, Steps
from components.credit.candidates import Signs
from components.credit.comparing import Judged, roc_auc, simplest_of_the_best
from components.credit.table_trees import steps_tree
from components.credit.tuning import Fold, TuningConfig, tune

fitted: list[float] = []


class Noisy(BaseModel):
    """Says the first column, with more or less of the second, which is noise."""

    model_config = ConfigDict(frozen=True)
    name: ClassVar[str] = "noisy"
    rank: ClassVar[int] = 0

    noise: float

    @classmethod
    def usual(cls, rows: int) -> Self:
        return cls(noise=1.0)

    @classmethod
    def suggested(cls, trial: optuna.Trial, rows: int) -> Self:
        return cls(noise=trial.suggest_float("noise", 0.0, 4.0))

    def fit(self, rows: Matrix, bad: Floats, signs: Signs, seed: int) -> Trees:
        from components.common.trees import joined

        fitted.append(self.noise)
        edges = np.linspace(-3, 3, 200, dtype=np.float32)
        values = np.append(edges, 3.1).astype(float)
        steps = Steps(edges, values, np.ones(201), 0.0, 0.0)
        return joined([steps_tree(steps, 0, 1.0), steps_tree(steps, 1, self.noise)])


@pytest.fixture
def folds() -> list[Fold]:
    fitted.clear()
    random = np.random.default_rng(0)
    rows = random.normal(size=(900, 2)).astype(np.float32)
    bad = (rows[:, 0] + random.normal(size=900) > 0).astype(float)
    parts = [(rows[start::3], bad[start::3]) for start in range(3)]
    return [Fold(*parts[place - 1], (0, 0), *parts[place]) for place in range(3)]


def test_what_is_found_is_better_than_the_usual_and_is_what_it_said(folds: list[Fold]) -> None:
    config = TuningConfig(trials=20)
    found = tune(Noisy, folds, config, 1e6)
    usual = tune(Noisy, folds, TuningConfig(trials=0), 1e6)
    assert isinstance(found.config, Noisy) and found.config.noise < 0.5
    assert found.roc_auc > usual.roc_auc + 0.02
    for judged, fold in zip(found.judged, folds, strict=True):
        trees = found.config.fit(fold.rows, fold.bad, fold.signs, 0)
        np.testing.assert_array_equal(judged.margin, trees.margin(fold.judged_rows))
        np.testing.assert_array_equal(judged.bad, fold.judged_bad)


def test_the_same_seed_tries_the_same(folds: list[Fold]) -> None:
    tries = []
    for _ in range(2):
        fitted.clear()
        tune(Noisy, folds, TuningConfig(trials=6, seed=3), 1e6)
        tries.append(list(fitted))
    assert tries[0] == tries[1]


def test_without_time_the_usual_is_taken(folds: list[Fold]) -> None:
    found = tune(Noisy, folds, TuningConfig(trials=20), 0.0)
    assert found.config == Noisy(noise=1.0)
    assert fitted == [1.0] * 3


def test_what_does_worse_than_most_is_given_up(folds: list[Fold]) -> None:
    tune(Noisy, folds, TuningConfig(trials=20), 1e6)
    assert 3 * 4 <= len(fitted) < 3 * 21


def test_the_simplest_within_one_standard_error_wins() -> None:
    random = np.random.default_rng(0)
    bad = (random.random(2000) < 0.3).astype(float)
    best = bad + random.normal(size=2000)
    near, far = best + 0.02 * random.normal(size=2000), best + 2 * random.normal(size=2000)
    judged = [[Judged(bad, margin)] for margin in (far, near, best)]
    assert roc_auc(judged[1][0]) == pytest.approx(roc_auc(judged[2][0]), abs=0.002)
    assert simplest_of_the_best(judged, [0, 1, 2]) == 1
    assert simplest_of_the_best(judged, [0, 2, 1]) == 2
    assert simplest_of_the_best([judged[0]], [0]) == 0
