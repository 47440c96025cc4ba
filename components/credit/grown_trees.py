"""Trees that scikit-learn and LightGBM have grown, as plain arrays.

Read from the libraries' own public arrays and text; the comparison of a value with a threshold is
the same in all of them (x ≤ t goes left), only where a null goes differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix
from components.common.trees import Trees, joined, rounded_down

if TYPE_CHECKING:
    import lightgbm
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

Floats = npt.NDArray[np.float64]
_DEFAULT_LEFT, _NULL_IS_NULL = 2, 8
"""Bits of LightGBM's `decision_type`: a null goes left, and a null is not taken for 0."""


def forest_trees(forest: RandomForestClassifier, share: float, filled: Matrix | None) -> Trees:
    """A forest whose margin is its probability p on the log-odds scale, to first order:

        m = ln(p̄ / (1 − p̄)) + (p − p̄) / (p̄ (1 − p̄))

    with p̄ = `share`, the share of defaults. Linear in p, so that trees still add up and a
    contribution means the same as in every other model; the calibration bends it back.
    filled: what stood for a null of each column [f] in training; None where nulls went their way.
    """
    step = 1 / (share * (1 - share) * len(forest.estimators_))
    parts = [_forest_tree(one.tree_, share, step, filled) for one in forest.estimators_]
    return joined(parts, base=float(np.log(share / (1 - share))))


def _forest_tree(tree: Any, share: float, step: float, filled: Matrix | None) -> Trees:
    counts = tree.value[:, 0, :]
    probability = counts[:, 1] / counts.sum(axis=1)
    null_left = tree.missing_go_to_left.astype(bool)
    if filled is not None:
        null_left = filled[np.maximum(tree.feature, 0)] <= rounded_down(tree.threshold)
    return _tree(
        tree.children_left,
        tree.children_right,
        tree.feature,
        tree.threshold,
        null_left,
        (probability - share) * step,
        tree.weighted_n_node_samples,
    )


def histogram_trees(model: HistGradientBoostingClassifier) -> Trees:
    """The trees of scikit-learn's histogram gradient boosting, on the log-odds scale."""
    parts = []
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        leaf = nodes["is_leaf"].astype(bool)
        parts.append(
            _tree(
                np.where(leaf, -1, nodes["left"].astype(np.int64)),
                np.where(leaf, -1, nodes["right"].astype(np.int64)),
                nodes["feature_idx"],
                nodes["num_threshold"],
                nodes["missing_go_to_left"].astype(bool),
                nodes["value"],
                nodes["count"],
            )
        )
    return joined(parts, base=float(np.ravel(model._baseline_prediction)[0]))


def lightgbm_trees(booster: lightgbm.Booster) -> Trees:
    """The trees of a LightGBM model without categories, on the log-odds scale."""
    sections = booster.model_to_string().split("\nTree=")[1:]
    return joined([_lightgbm_tree(_section(text)) for text in sections])


def _section(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines())
    return {name: value for name, mark, value in lines if mark}


def _lightgbm_tree(told: dict[str, str]) -> Trees:
    """LightGBM numbers the splits from 0 and the leaves as ~0, ~1, …: here splits, then leaves."""
    value = _listed(told, "leaf_value")
    if int(told["num_leaves"]) == 1:
        none = np.array([-1])
        zero = np.zeros(1)
        return _tree(none, none, np.zeros(1, int), zero, zero.astype(bool), value, np.ones(1))
    feature, threshold = _listed(told, "split_feature").astype(int), _listed(told, "threshold")
    kind = _listed(told, "decision_type").astype(int)
    splits, leaves = len(feature), len(value)
    if (kind & 1).any():
        raise ValueError("Cannot read categorical splits.")
    null_left = np.where(kind & _NULL_IS_NULL, kind & _DEFAULT_LEFT, threshold >= 0).astype(bool)
    children = [_listed(told, f"{side}_child").astype(int) for side in ("left", "right")]
    left, right = (np.where(child < 0, splits + ~child, child) for child in children)
    none, zeros = np.full(leaves, -1), np.zeros(leaves)
    cover = [_listed(told, "internal_count"), _listed(told, "leaf_count")]
    return _tree(
        np.append(left, none),
        np.append(right, none),
        np.append(feature, zeros.astype(int)),
        np.append(threshold, zeros),
        np.append(null_left, zeros.astype(bool)),
        np.append(np.zeros(splits), value),
        np.concatenate(cover),
    )


def _listed(told: dict[str, str], name: str) -> Floats:
    return np.array(told[name].split(), dtype=np.float64)


def _tree(
    left: npt.NDArray[Any],
    right: npt.NDArray[Any],
    feature: npt.NDArray[Any],
    threshold: npt.NDArray[Any],
    null_left: npt.NDArray[np.bool_],
    value: npt.NDArray[Any],
    cover: npt.NDArray[Any],
) -> Trees:
    """One tree whose leaves have −1 for children."""
    own, leaf = np.arange(len(left)), np.asarray(left) < 0
    return Trees(
        np.zeros(1, dtype=np.int32),
        np.where(leaf, own, left).astype(np.int32),
        np.where(leaf, own, right).astype(np.int32),
        np.where(leaf, 0, feature).astype(np.int32),
        np.where(leaf, 0, rounded_down(threshold)).astype(np.float32),
        np.where(leaf, False, null_left),
        np.where(leaf, value, 0).astype(np.float32),
        np.asarray(cover, dtype=np.float32),
        base=0.0,
    )


def mean_of(parts: Sequence[Trees]) -> Trees:
    """The ensemble whose margin is the mean of those of its parts."""
    return joined([part.scaled(1 / len(parts)) for part in parts])
