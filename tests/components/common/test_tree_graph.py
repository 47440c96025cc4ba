"""The graph is the booster, split by split; what it cannot write it refuses."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import xgboost

from components.common.calibration import BetaCalibration
from components.common.tree_graph import tree_graph

WIDTH = 4


def _train(parameters: dict[str, object] | None = None, rounds: int = 8) -> xgboost.Booster:
    random = np.random.default_rng(0)
    rows = random.normal(size=(1500, WIDTH)).round(1).astype(np.float32)
    rows[random.random(rows.shape) < 0.2] = np.nan
    label = (np.nan_to_num(rows[:, 0]) + random.normal(size=len(rows)) > 1).astype(int)
    settings = {"objective": "binary:logistic", "max_depth": 4, "nthread": 1, **(parameters or {})}
    return xgboost.train(settings, xgboost.DMatrix(rows, label), rounds)


def _grid() -> np.ndarray:
    """Every row made of values that sit on thresholds, between them, and of nulls."""
    values = np.array([-0.1, 0.0, 0.05, 0.1, 0.9, np.nan], dtype=np.float32)
    return np.stack(np.meshgrid(*[values] * WIDTH), axis=-1).reshape(-1, WIDTH)


def _run(booster: xgboost.Booster, calibration: BetaCalibration, rows: np.ndarray) -> np.ndarray:
    graph = tree_graph(booster, calibration).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"features": rows})[0])


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"base_score": 0.02},
        {"scale_pos_weight": 20},
        {"tree_method": "exact"},
        {"max_depth": 1},
    ],
)
def test_every_row_falls_into_the_same_leaves(parameters: dict[str, object]) -> None:
    booster = _train(parameters)
    margin = booster.inplace_predict(_grid(), predict_type="margin")
    calibration = BetaCalibration(1.3, 0.8, -0.4)
    found = _run(booster, calibration, _grid())
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, calibration.apply(margin), atol=1e-6)


def test_a_tree_of_one_leaf_is_written() -> None:
    booster = _train({"min_child_weight": 1e9}, rounds=2)
    found = _run(booster, BetaCalibration(), _grid())
    np.testing.assert_allclose(found, booster.inplace_predict(_grid()), atol=1e-6)


def test_probabilities_far_below_one_in_a_million_stay_apart() -> None:
    found = _run(_train(), BetaCalibration(4.0, 4.0, -30.0), _grid())
    margins = np.unique(_train().inplace_predict(_grid(), predict_type="margin"))
    assert found.max() < 1e-9
    assert len(np.unique(found)) == pytest.approx(len(margins), rel=0.05)


def test_another_objective_is_refused() -> None:
    with pytest.raises(ValueError, match="reg:squarederror"):
        tree_graph(_train({"objective": "reg:squarederror"}), BetaCalibration())


def test_categorical_splits_are_refused() -> None:
    rows = np.random.default_rng(0).integers(0, 3, (500, 1)).astype(np.float32)
    data = xgboost.DMatrix(rows, rows[:, 0] == 1, feature_types=["c"], enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic", "max_cat_to_onehot": 1}, data, 1)
    with pytest.raises(ValueError, match="categorical"):
        tree_graph(booster, BetaCalibration())
