"""Every kind of credit model keeps the contract of every model, and what the business demands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import optuna
import pandas as pd
import pytest

from components.common.calibration import BetaCalibration
from components.credit.candidates import (
    CANDIDATES,
    Candidate,
    GradientBoosting,
    LightGbm,
    RandomForest,
    Scorecard,
)
from components.credit.columns import ColumnsConfig
from components.credit.derived import DerivedConfig
from components.credit.fitted import Fitted
from components.credit.inputs import Inputs
from tests.contracts import ModelContract, make_rows

SMALL: tuple[Candidate, ...] = (
    Scorecard(),
    RandomForest(trees=40, least_rows=5, leaves=60),
    GradientBoosting(rounds=60, learning_rate=0.15, leaves=6, least_rows=20, runs=1),
    LightGbm(rounds=60, learning_rate=0.15, leaves=6, least_rows=20),
)


@dataclass
class Model:
    """A kind of model with its inputs and its calibration."""

    candidate: Candidate
    seed: int
    fitted: Fitted | None = None

    def fit(
        self,
        x: pd.DataFrame,
        y: npt.ArrayLike,
        *,
        calibration: tuple[pd.DataFrame, npt.ArrayLike] | None = None,
    ) -> Self:
        assert calibration is not None
        bad = np.asarray(y, dtype=np.float64)
        inputs = Inputs.learn(x, bad, ColumnsConfig(), DerivedConfig(), {})
        trees = self.candidate.fit(inputs.rows(x), bad, inputs.signs, self.seed)
        margin = trees.margin(inputs.rows(calibration[0]))
        bent = BetaCalibration.fit(margin, calibration[1])
        return type(self)(self.candidate, self.seed, Fitted(inputs, trees, bent))

    def predict_proba(self, x: pd.DataFrame) -> npt.NDArray[np.float64]:
        assert self.fitted is not None
        return self.fitted.predict_proba(x)

    def export(self, directory: Path) -> None:
        assert self.fitted is not None
        self.fitted.export(directory)


class _Contract(ModelContract):
    candidate: ClassVar[Candidate]

    def make(self, seed: int) -> Model:
        return Model(self.candidate, seed)

    def load(self, directory: Path) -> Model:
        return Model(self.candidate, 0, Fitted.load(directory))


class TestScorecard(_Contract):
    candidate = SMALL[0]


class TestRandomForest(_Contract):
    candidate = SMALL[1]


class TestGradientBoosting(_Contract):
    candidate = SMALL[2]


class TestLightGbm(_Contract):
    candidate = SMALL[3]


@pytest.mark.parametrize("candidate", SMALL, ids=lambda one: one.name)
def test_more_never_lowers_the_risk_where_that_is_demanded(candidate: Candidate) -> None:
    x, y = make_rows()
    noisy = y ^ (np.random.default_rng(0).random(len(y)) < 0.1)  # so that nothing is monotone
    signs = (1, -1, 0, 0, 0, 0)
    trees = candidate.fit(x.to_numpy(np.float32), noisy.astype(np.float64), signs, 0)
    rows = np.repeat(x.fillna(0).to_numpy(np.float32)[:40], 50, axis=0)
    ladder = np.tile(np.linspace(-3, 3, 50, dtype=np.float32), 40)
    for column, sign in enumerate(signs[:2]):
        climbing = rows.copy()
        climbing[:, column] = ladder
        steps = np.diff(trees.margin(climbing).reshape(40, 50), axis=1) * sign
        assert steps.min() > -1e-6
        assert steps.max() > 0 or column == 1


@pytest.mark.parametrize("candidate", SMALL, ids=lambda one: one.name)
def test_columns_without_two_values_are_survived(candidate: Candidate) -> None:
    x, y = make_rows()
    rows = x.to_numpy(np.float32)
    rows[:, 3], rows[:, 4], rows[:, 5] = np.nan, 7.0, np.where(y > 0, np.nan, 7.0)
    trees = candidate.fit(rows, y.astype(np.float64), (0,) * 6, 0)
    said = trees.margin(rows)
    assert np.isfinite(said).all()
    assert said[y == 1].mean() > said[y == 0].mean() + 1


@pytest.mark.parametrize("kind", CANDIDATES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("rows", [500, 50_000])
def test_a_tuner_draws_configurations_and_begins_with_a_usual_one(
    kind: type[Candidate], rows: int
) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [kind.suggested(study.ask(), rows).model_dump() for _ in range(4)]
    assert all(one != drawn[0] for one in drawn[1:])
    assert kind.usual(rows).model_dump() == kind.usual(rows).model_dump()


def test_the_scorecard_is_the_simplest() -> None:
    assert [kind.name for kind in sorted(CANDIDATES, key=lambda kind: kind.rank)] == [
        "scorecard",
        "random-forest",
        "gradient-boosting",
        "lightgbm",
    ]
