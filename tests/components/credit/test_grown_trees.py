"""Trees as arrays say what the libraries that grew them say, and explain as `shap` explains."""

from __future__ import annotations

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
import shap
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from components.common.tree_shap import TreeShap
from components.common.trees import Trees
from components.credit.grown_trees import (
    forest_trees,
    histogram_trees,
    lightgbm_trees,
    mean_of,
)

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
WIDTH = 5


def drawn(seed: int, count: int, nulls: float) -> tuple[Matrix, npt.NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, WIDTH)).astype(np.float32).round(2)
    bad = rows[:, 0] + rows[:, 1] * (rows[:, 2] > 0) + random.normal(size=count) > 1
    rows[random.random(rows.shape) < nulls] = np.nan
    return rows, bad.astype(np.int64)


def explained(trees: Trees, rows: Matrix) -> Floats:
    prepared = TreeShap.of(trees, WIDTH)
    return np.array([prepared.contributions(row) for row in rows])


@pytest.fixture(params=[0.0, 0.15], ids=["no-nulls", "nulls"])
def data(request: pytest.FixtureRequest) -> tuple[Matrix, npt.NDArray[np.int64], Matrix]:
    """Rows to learn from, and others, which may hold a null where the first held none."""
    return *drawn(0, 800, request.param), drawn(1, 200, 0.15)[0]


def test_lightgbm(data: tuple[Matrix, npt.NDArray[np.int64], Matrix]) -> None:
    rows, bad, others = data
    parameters = {"objective": "binary", "num_leaves": 8, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(rows, bad), num_boost_round=20)
    trees = lightgbm_trees(booster)
    np.testing.assert_allclose(
        trees.margin(others), np.asarray(booster.predict(others, raw_score=True)), atol=1e-5
    )
    theirs = np.asarray(booster.predict(others, pred_contrib=True))
    np.testing.assert_allclose(explained(trees, others), theirs[:, :-1], atol=1e-5)
    found = np.asarray(shap.TreeExplainer(booster).shap_values(others))
    np.testing.assert_allclose(explained(trees, others), found, atol=1e-5)


def test_histogram_boosting(data: tuple[Matrix, npt.NDArray[np.int64], Matrix]) -> None:
    rows, bad, others = data
    model = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=8, random_state=0)
    trees = histogram_trees(model.fit(rows, bad))
    np.testing.assert_allclose(trees.margin(others), model.decision_function(others), atol=1e-5)
    whole = others[~np.isnan(others).any(axis=1)]
    found = np.asarray(shap.TreeExplainer(model).shap_values(whole))
    np.testing.assert_allclose(explained(trees, whole), found, atol=1e-5)


def test_a_forest(data: tuple[Matrix, npt.NDArray[np.int64], Matrix]) -> None:
    rows, bad, others = data
    forest = RandomForestClassifier(20, min_samples_leaf=5, random_state=0).fit(rows, bad)
    share = float(bad.mean())
    trees = forest_trees(forest, share, None)
    asked = others if np.isnan(rows).any() else others[~np.isnan(others).any(axis=1)]
    per_share = 1 / (share * (1 - share))
    expected = np.log(share / (1 - share)) + (forest.predict_proba(asked)[:, 1] - share) * per_share
    np.testing.assert_allclose(trees.margin(asked), expected, atol=1e-5)
    whole = asked[~np.isnan(asked).any(axis=1)]
    found = np.asarray(shap.TreeExplainer(forest).shap_values(whole))[:, :, 1] * per_share
    np.testing.assert_allclose(explained(trees, whole), found, atol=1e-5)


def test_a_null_goes_where_what_stood_for_it_in_training_goes() -> None:
    rows, bad = drawn(0, 800, 0.0)
    forest = RandomForestClassifier(10, min_samples_leaf=5, random_state=0).fit(rows, bad)
    filled = np.array([0.3, -0.2, 0.1, 0.0, 1.0], dtype=np.float32)
    trees = forest_trees(forest, float(bad.mean()), filled)
    others = drawn(1, 200, 0.3)[0]
    np.testing.assert_array_equal(
        trees.margin(others), trees.margin(np.where(np.isnan(others), filled, others))
    )


def test_a_tree_of_one_leaf_says_the_same_of_everyone() -> None:
    rows, bad = drawn(0, 30, 0.0)
    parameters = {"objective": "binary", "min_data_in_leaf": 30, "verbose": -1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(rows, bad), num_boost_round=2)
    trees = lightgbm_trees(booster)
    np.testing.assert_allclose(
        trees.margin(rows), np.asarray(booster.predict(rows, raw_score=True)), atol=1e-6
    )


def test_the_mean_of_ensembles_is_the_mean_of_what_they_say() -> None:
    rows, bad = drawn(0, 400, 0.1)
    parts = [
        histogram_trees(
            HistGradientBoostingClassifier(max_iter=5, max_features=0.4, random_state=seed).fit(
                rows, bad
            )
        )
        for seed in range(3)
    ]
    np.testing.assert_allclose(
        mean_of(parts).margin(rows), np.mean([one.margin(rows) for one in parts], axis=0), atol=1e-6
    )
