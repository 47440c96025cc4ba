"""Contributions are the Shapley values of the game that they say they are."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import numpy.typing as npt

from components.common.tree_shap import TreeShap
from components.common.trees import Trees, joined

FEATURES, DEPTH = 4, 4
Floats = npt.NDArray[np.float64]


def grown(random: np.random.Generator) -> Trees:
    """A tree of random questions, some of them about the same feature again."""
    inner, size = 2**DEPTH - 1, 2 ** (DEPTH + 1) - 1
    own = np.arange(size)
    leaf = own >= inner
    cover = np.zeros(size)
    cover[leaf] = random.integers(1, 50, leaf.sum())
    for node in range(inner - 1, -1, -1):
        cover[node] = cover[2 * node + 1] + cover[2 * node + 2]
    return Trees(
        np.zeros(1, np.int32),
        np.where(leaf, own, 2 * own + 1).astype(np.int32),
        np.where(leaf, own, 2 * own + 2).astype(np.int32),
        random.integers(0, FEATURES, size).astype(np.int32),
        random.normal(size=size).astype(np.float32),
        random.random(size) < 0.5,
        np.where(leaf, random.normal(size=size), 0).astype(np.float32),
        cover.astype(np.float32),
        base=0.25,
    )


def value(trees: Trees, row: npt.NDArray[np.float32], known: set[int]) -> float:
    """What is expected of a row of which only some features are known."""

    def below(node: int) -> float:
        left, right = int(trees.left[node]), int(trees.right[node])
        if left == node:
            return float(trees.value[node])
        asked = int(trees.feature[node])
        if asked in known:
            null = np.isnan(row[asked])
            goes_left = trees.null_left[node] if null else row[asked] <= trees.threshold[node]
            return below(left if goes_left else right)
        parts = [float(trees.cover[child]) * below(child) for child in (left, right)]
        return sum(parts) / float(trees.cover[node])

    return trees.base + sum(below(int(root)) for root in trees.roots)


def by_definition(trees: Trees, row: npt.NDArray[np.float32]) -> Floats:
    """What each feature adds when it becomes known, averaged over every order."""
    added = np.zeros(FEATURES)
    for order in permutations(range(FEATURES)):
        known: set[int] = set()
        for feature in order:
            before = value(trees, row, known)
            known.add(feature)
            added[feature] += value(trees, row, known) - before
    return added / factorial(FEATURES)


def test_they_are_the_mean_over_every_order_of_getting_to_know() -> None:
    random = np.random.default_rng(0)
    trees = joined([grown(random) for _ in range(3)])
    shap = TreeShap.of(trees, FEATURES)
    rows = random.normal(size=(20, FEATURES)).astype(np.float32)
    rows[random.random(rows.shape) < 0.2] = np.nan
    for row in rows:
        np.testing.assert_allclose(shap.contributions(row), by_definition(trees, row), atol=1e-6)


def test_they_add_up_from_what_is_expected_to_the_margin() -> None:
    random = np.random.default_rng(1)
    trees = joined([grown(random) for _ in range(5)])
    shap = TreeShap.of(trees, FEATURES)
    rows = random.normal(size=(50, FEATURES)).astype(np.float32)
    added = [shap.contributions(row).sum() + shap.expected for row in rows]
    np.testing.assert_allclose(added, trees.margin(rows), atol=1e-5)


def test_a_side_that_no_row_came_to_is_explained_too() -> None:
    random = np.random.default_rng(2)
    trees = grown(random)
    trees.cover[np.flatnonzero(trees.is_leaf)[:4]] = 0
    trees.cover[:3] = [0, 0, 0]
    found = TreeShap.of(trees, FEATURES).contributions(np.zeros(FEATURES, np.float32))
    assert np.isfinite(found).all()


def test_a_feature_that_is_never_asked_adds_nothing() -> None:
    trees = grown(np.random.default_rng(3))
    found = TreeShap.of(trees, FEATURES + 2).contributions(np.zeros(FEATURES + 2, np.float32))
    assert (found[FEATURES:] == 0).all() and (found[:FEATURES] != 0).any()
