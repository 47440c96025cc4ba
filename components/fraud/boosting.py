"""The fraud model: gradient-boosted trees with a calibrated probability."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from components.common.artifact import GRAPH, Matrix, matrix, read_inputs, write_inputs
from components.common.calibration import BetaCalibration
from components.common.errors import bad_input, refused
from components.fraud.isolation_forest import IsolationConfig, IsolationForest

if TYPE_CHECKING:
    import pandas as pd
    import xgboost

BOOSTER = "booster.ubj"
_CALIBRATION, _CONFIG = "calibration", "config"  # attributes that travel inside the booster file


class BoostingConfig(IsolationConfig):
    """What can be tuned; the defaults were chosen on validation weeks before any test week."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int = Field(default=250, ge=1)
    """Number of trees."""
    learning_rate: float = Field(default=0.03, gt=0, le=1)
    """Share of each tree's answer that is added."""
    max_depth: int = Field(default=5, ge=1, le=12)
    """Splits between root and leaf."""
    min_child_weight: float = Field(default=5.0, ge=0)
    """Least sum of p(1 − p) in a leaf; higher is smoother."""
    subsample: float = Field(default=0.8, gt=0, le=1)
    """Share of rows that each tree sees."""
    colsample: float = Field(default=0.5, gt=0, le=1)
    """Share of features that each tree sees."""
    reg_lambda: float = Field(default=1.0, ge=0)
    """L2 penalty on leaf values."""
    max_bin: int = Field(default=1024, ge=2)
    """Histogram bins per feature; 256 blur a sharp cut in the last permille of the amounts."""
    refit: bool = True
    """Whether the trees are grown again with the calibration slice, after the map is fitted."""
    threads: int = Field(default=1, ge=0)
    """Threads that grow trees, 0 for all cores; one never waits at barriers on a busy machine."""
    seed: int = 0
    """Seed of the row and feature draws."""

    def parameters(self) -> dict[str, Any]:
        """The same, in XGBoost's words."""
        return {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "min_child_weight": self.min_child_weight,
            "subsample": self.subsample,
            "colsample_bytree": self.colsample,
            "reg_lambda": self.reg_lambda,
            "max_bin": self.max_bin,
            "nthread": self.threads,
            "seed": self.seed,
        }


@dataclass
class Boosting:
    """P(fraud | x) = κ(b + Σₜ η·fₜ(x)): a sum of T trees on the log-odds scale, each fitted to the
    gradient of the log loss at the sum before it, and κ a strictly increasing beta calibration
    fitted on later rows than the trees. A null goes the way that each split learnt for it.

    With an isolation forest its score of x is one input more; see `isolation_forest.py`.

    Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System", KDD 2016.
    """

    config: BoostingConfig = field(default_factory=BoostingConfig)
    inputs: tuple[str, ...] = ()
    calibration: BetaCalibration = field(default_factory=BetaCalibration)
    booster: xgboost.Booster | None = None
    forest: IsolationForest | None = None
    held_out: npt.NDArray[np.float64] | None = None
    """What it said of the calibration rows [k] before it had learnt from them: what a blend of
    several models is fitted on."""

    def fit(
        self,
        x: pd.DataFrame,
        y: npt.ArrayLike,
        *,
        calibration: tuple[pd.DataFrame, npt.ArrayLike] | None = None,
    ) -> Boosting:
        """A new model fitted on rows `x` [n, f] and labels `y` [n] in {0, 1}.

        `calibration` holds rows and labels that happened after `x`; without it the raw log-odds
        are taken as they are. Raises `FinloopError("one_class")` where `y` is all the same.
        """
        inputs = tuple(str(name) for name in x.columns)
        rows, labels = matrix(x, inputs), np.asarray(y, dtype=np.float32)
        if len(np.unique(labels)) < 2:
            raise refused(
                "one_class", "The training rows hold one class only; take a longer time span."
            )
        forest = _isolate(self.config, rows)
        rows = _widened(forest, rows)
        booster = _grow(self.config, rows, labels)
        if calibration is None:
            return Boosting(self.config, inputs, BetaCalibration(), booster, forest)
        later = _widened(forest, matrix(calibration[0], inputs))
        truth = np.asarray(calibration[1], np.float32)
        margin = _margin(booster, later)
        bent = BetaCalibration.fit(margin, truth)
        if self.config.refit:
            booster = _grow(
                self.config, np.concatenate([rows, later]), np.concatenate([labels, truth])
            )
        return Boosting(self.config, inputs, bent, booster, forest, bent.apply(margin))

    def predict_proba(self, x: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Calibrated probabilities of fraud [n] for rows [n, f]; needs every input column."""
        rows = _widened(self.forest, matrix(x, self.inputs))
        return self.calibration.apply(_margin(self._fitted(), rows))

    def anomaly(self, x: pd.DataFrame) -> Matrix | None:
        """Scores of the isolation forest alone [n]; None where the model has none."""
        return None if self.forest is None else self.forest.score(matrix(x, self.inputs))[:, 0]

    def export(self, directory: Path) -> None:
        """Write model.onnx, booster.ubj, inputs.json and isolation.onnx into `directory`."""
        from components.common.tree_graph import tree_graph

        booster = self._fitted()
        directory.mkdir(parents=True, exist_ok=True)
        stage = None if self.forest is None else self.forest.stage
        graph = tree_graph(booster, self.calibration, stage)
        (directory / GRAPH).write_bytes(graph.SerializeToString(deterministic=True))
        booster.set_attr(
            **{_CALIBRATION: self.calibration.as_json(), _CONFIG: self.config.model_dump_json()}
        )
        booster.save_model(directory / BOOSTER)
        write_inputs(directory, self.inputs)
        if self.forest is not None:
            self.forest.write(directory)

    @classmethod
    def load(cls, directory: Path) -> Boosting:
        """The model that `export` wrote, whole: trees, calibration and configuration."""
        booster = load_booster(directory)
        config, bent = booster.attr(_CONFIG), booster.attr(_CALIBRATION)
        if config is None or bent is None:
            raise bad_input("artifact_unreadable", f"{directory / BOOSTER} is not one of ours.")
        return cls(
            BoostingConfig.model_validate_json(config),
            read_inputs(directory),
            BetaCalibration.from_json(bent),
            booster,
            IsolationForest.read(directory),
        )

    def _fitted(self) -> xgboost.Booster:
        if self.booster is None:
            raise bad_input("not_fitted", "The model is not fitted yet; call fit first.")
        return self.booster


def load_booster(directory: Path) -> xgboost.Booster:
    """The trees of an exported model."""
    import xgboost

    try:
        return xgboost.Booster({"nthread": 1}, model_file=directory / BOOSTER)
    except (xgboost.core.XGBoostError, OSError) as error:
        raise bad_input(
            "artifact_unreadable", f"The trees in {directory / BOOSTER} cannot be loaded."
        ) from error


def _isolate(config: BoostingConfig, rows: Matrix) -> IsolationForest | None:
    return IsolationForest.fit(config, rows, config.seed) if config.isolation_trees else None


def _widened(forest: IsolationForest | None, rows: Matrix) -> Matrix:
    return rows if forest is None else forest.widen(rows)


def _grow(config: BoostingConfig, rows: Matrix, labels: Matrix) -> xgboost.Booster:
    import xgboost

    data = xgboost.QuantileDMatrix(
        rows, label=labels, max_bin=config.max_bin, nthread=config.threads or None
    )
    return xgboost.train(config.parameters(), data, num_boost_round=config.rounds)


def _margin(booster: xgboost.Booster, rows: Matrix) -> npt.NDArray[np.float64]:
    """Raw log-odds [n]."""
    margin = booster.inplace_predict(rows, predict_type="margin", validate_features=False)
    return np.asarray(margin, dtype=np.float64)
