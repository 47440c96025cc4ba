"""What credit is scored with: four kinds of model of one shape, from the simplest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.artifact import Matrix
from components.common.trees import Trees
from components.credit.binning import BinningConfig
from components.credit.scorecard import ScorecardConfig, fit_scorecard

if TYPE_CHECKING:
    import optuna

Floats = npt.NDArray[np.float64]
Signs = tuple[int, ...]
"""For each column: more of it never lowers the risk (+1), never raises it (−1), or either (0)."""
DRAWN = 6000
"""Most rows that one tree of a forest is grown on; more are slower and hardly better."""
FEW = 5000
"""Training rows below which models are kept small and their accidents averaged out."""


class Candidate(Protocol):
    """A frozen configuration of a kind of model.

    Whatever is fitted comes back as `Trees`: an additive ensemble that is scored, written into a
    graph and explained in one way.
    """

    name: ClassVar[str]
    rank: ClassVar[int]
    """From the simplest (0) on: of two that are equally good the lower is chosen."""

    @classmethod
    def suggested(cls, trial: optuna.Trial, rows: int) -> Self:
        """A configuration that a tuner draws, for so many training rows."""
        ...

    @classmethod
    def usual(cls, rows: int) -> Self:
        """The configuration to begin with, sound for so many training rows."""
        ...

    def fit(self, rows: Matrix, bad: Floats, signs: Signs, seed: int) -> Trees:
        """Log-odds of default, not yet calibrated, learnt from rows [n, f] and labels [n]."""
        ...

    def model_dump(self) -> dict[str, object]: ...


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scorecard(_Config):
    """Points for bins: `scorecard.Scorecard`."""

    name: ClassVar[str] = "scorecard"
    rank: ClassVar[int] = 0

    card: ScorecardConfig = ScorecardConfig()
    """How columns are binned and weighed."""

    @classmethod
    def usual(cls, rows: int) -> Self:
        return cls._of(rows, l2=10.0, penalty=0.3 if rows < FEW else 1.0, pairs=40)

    @classmethod
    def suggested(cls, trial: optuna.Trial, rows: int) -> Self:
        return cls._of(
            rows,
            l2=trial.suggest_float("l2", 1.0, 300.0, log=True),
            penalty=trial.suggest_float("penalty", 0.2, 4.0, log=True),
            pairs=trial.suggest_categorical("pairs", [0, 10, 40]),
        )

    @classmethod
    def _of(cls, rows: int, *, l2: float, penalty: float, pairs: int) -> Self:
        small = rows < FEW
        binning = BinningConfig(
            penalty=penalty, fine=20 if small else 40, least_share=0.04 if small else 0.02
        )
        draws = 8 if small else 4
        card = ScorecardConfig(binning=binning, l2=l2, pairs=pairs, draws=draws)
        coarse = {"pair_bins": 3, "pair_prior": 20.0} if small else {}
        return cls(card=card.model_copy(update=coarse))

    def fit(self, rows: Matrix, bad: Floats, signs: Signs, seed: int) -> Trees:
        return fit_scorecard(rows, bad, self.card, signs, seed).trees()


class RandomForest(_Config):
    """The mean of deep trees, each grown on other rows and asking other columns (scikit-learn)."""

    name: ClassVar[str] = "random-forest"
    rank: ClassVar[int] = 1

    trees: int = Field(default=100, ge=1)
    """Number of trees."""
    leaves: int = Field(default=80, ge=2)
    """Most leaves of a tree; all of them together bound the time of an explanation."""
    least_rows: int = Field(default=10, ge=1)
    """Rows in a leaf, at least."""
    columns: float = Field(default=0.2, gt=0, le=1)
    """Share of the columns that a question chooses from."""

    @classmethod
    def usual(cls, rows: int) -> Self:
        return (
            cls(trees=150, leaves=400, least_rows=3, columns=0.15)
            if rows < FEW
            else cls(least_rows=20)
        )

    @classmethod
    def suggested(cls, trial: optuna.Trial, rows: int) -> Self:
        most = 20 if rows < FEW else 100
        drawn = {
            "least_rows": trial.suggest_int("least_rows", 2, most, log=True),
            "columns": trial.suggest_float("columns", 0.08, 0.4),
        }
        return cls.usual(rows).model_copy(update=drawn)

    def fit(self, rows: Matrix, bad: Floats, signs: Signs, seed: int) -> Trees:
        from sklearn.ensemble import RandomForestClassifier

        from components.credit.grown_trees import forest_trees

        filled = _filling(rows) if any(signs) else None  # scikit-learn takes one or the other
        forest = RandomForestClassifier(
            self.trees,
            min_samples_leaf=self.least_rows,
            max_leaf_nodes=self.leaves,
            max_features=self.columns,  # type: ignore[arg-type] - the stub knows names only
            max_samples=min(1.0, DRAWN / len(rows)),
            monotonic_cst=list(signs) if any(signs) else None,
            n_jobs=1,
            random_state=seed,
        )
        seen = rows if filled is None else np.where(np.isnan(rows), filled, rows)
        return forest_trees(forest.fit(seen, bad.astype(int)), float(bad.mean()), filled)


class GradientBoosting(_Config):
    """Trees that each correct the sum of those before (scikit-learn's histogram boosting)."""

    name: ClassVar[str] = "gradient-boosting"
    rank: ClassVar[int] = 2

    rounds: int = Field(default=160, ge=1)
    """Number of trees."""
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    """Share of each tree's answer that is added."""
    leaves: int = Field(default=10, ge=2)
    """Most leaves of a tree."""
    least_rows: int = Field(default=100, ge=1)
    """Rows in a leaf, at least."""
    columns: float = Field(default=0.3, gt=0, le=1)
    """Share of the columns that a question chooses from."""
    l2: float = Field(default=10.0, ge=0)
    """Penalty on the values of leaves."""
    runs: int = Field(default=2, ge=1)
    """Ensembles of different seeds, whose mean is taken."""

    @classmethod
    def usual(cls, rows: int) -> Self:
        return cls() if rows >= FEW else cls(rounds=100, leaves=5, least_rows=15, runs=5)

    @classmethod
    def suggested(cls, trial: optuna.Trial, rows: int) -> Self:
        return cls.usual(rows).model_copy(update=_boosting_space(trial, rows))

    def fit(self, rows: Matrix, bad: Floats, signs: Signs, seed: int) -> Trees:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        from components.credit.grown_trees import histogram_trees, mean_of

        seen = _without_single_values(rows)

        def run(number: int) -> Trees:
            model = HistGradientBoostingClassifier(
                learning_rate=self.learning_rate,
                max_iter=self.rounds,
                max_leaf_nodes=self.leaves,
                min_samples_leaf=self.least_rows,
                l2_regularization=self.l2,
                max_features=self.columns,
                monotonic_cst=list(signs),
                early_stopping=False,  # type: ignore[arg-type] - as above
                random_state=seed + number,
            )
            with threadpool_limits(1, "openmp"):  # one never waits at barriers on a busy machine
                return histogram_trees(model.fit(seen, bad.astype(int)))

        return mean_of([run(number) for number in range(self.runs)])


class LightGbm(_Config):
    """The same with trees grown leaf by leaf, on other rows each time (LightGBM)."""

    name: ClassVar[str] = "lightgbm"
    rank: ClassVar[int] = 3

    rounds: int = Field(default=350, ge=1)
    """Number of trees."""
    learning_rate: float = Field(default=0.03, gt=0, le=1)
    """Share of each tree's answer that is added."""
    leaves: int = Field(default=10, ge=2)
    """Most leaves of a tree."""
    least_rows: int = Field(default=100, ge=1)
    """Rows in a leaf, at least."""
    columns: float = Field(default=0.3, gt=0, le=1)
    """Share of the columns that a tree sees."""
    row_share: float = Field(default=0.8, gt=0, le=1)
    """Share of the rows that a tree sees."""
    l2: float = Field(default=10.0, ge=0)
    """Penalty on the values of leaves."""
    runs: int = Field(default=1, ge=1)
    """Ensembles of different seeds, whose mean is taken."""

    @classmethod
    def usual(cls, rows: int) -> Self:
        return cls() if rows >= FEW else cls(rounds=150, leaves=5, least_rows=10, runs=5)

    @classmethod
    def suggested(cls, trial: optuna.Trial, rows: int) -> Self:
        return cls.usual(rows).model_copy(update=_boosting_space(trial, rows))

    def fit(self, rows: Matrix, bad: Floats, signs: Signs, seed: int) -> Trees:
        import lightgbm

        from components.credit.grown_trees import lightgbm_trees, mean_of

        def run(number: int) -> Trees:
            data = lightgbm.Dataset(rows, bad, params={"verbose": -1})
            parameters = self._parameters(signs, seed + number)
            return lightgbm_trees(lightgbm.train(parameters, data, num_boost_round=self.rounds))

        return mean_of([run(number) for number in range(self.runs)])

    def _parameters(self, signs: Signs, seed: int) -> dict[str, object]:
        constrained = {"monotone_constraints": list(signs)} if any(signs) else {}
        return {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.least_rows,
            "feature_fraction": self.columns,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.l2,
            "seed": seed,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,  # one never waits at barriers on a busy machine
            "verbose": -1,
            **constrained,
        }


CANDIDATES: tuple[type[Candidate], ...] = (Scorecard, RandomForest, GradientBoosting, LightGbm)
"""Every kind, from the simplest on."""


def _boosting_space(trial: optuna.Trial, rows: int) -> dict[str, object]:
    """What is tuned of boosted trees: their size, and how fast they learn for so many rounds."""
    small = rows < FEW
    return {
        "leaves": trial.suggest_int("leaves", 3, 8 if small else 20),
        "least_rows": trial.suggest_int("least_rows", *((5, 40) if small else (40, 300)), log=True),
        "columns": trial.suggest_float("columns", 0.15, 0.5),
        "l2": trial.suggest_float("l2", 1.0, 50.0, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.08, log=True),
    }


def _without_single_values(rows: Matrix) -> Matrix:
    """Rows whose columns of fewer than two values are 0, as scikit-learn cannot bin these; what is
    0 everywhere is never asked about."""
    low, high = (np.fmin.reduce(rows), np.fmax.reduce(rows))
    return np.where(low < high, rows, np.float32(0))


def _filling(rows: Matrix) -> Matrix:
    """The median of each column [f]; 0 of one without a value."""
    known = ~np.isnan(rows).all(axis=0)
    filled = np.zeros(rows.shape[1], dtype=np.float32)
    filled[known] = np.nanmedian(rows[:, known], axis=0)
    return filled
