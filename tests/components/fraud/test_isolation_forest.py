"""The forest as a graph is the library's forest, split by split, nulls included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest as Peer

from components.fraud.isolation_forest import (
    FILE,
    IsolationConfig,
    IsolationForest,
    average_path,
)

CONFIG = IsolationConfig(isolation_trees=30)


def rows(count: int, seed: int = 0, nulls: float = 0.2) -> np.ndarray:
    """Rows on a coarse grid, so that values meet thresholds."""
    random = np.random.default_rng(seed)
    found = random.normal(size=(count, 5)).round(1).astype(np.float32)
    found[random.random(found.shape) < nulls] = np.nan
    return found


@pytest.mark.parametrize("nulls", [0.0, 0.2])
@pytest.mark.parametrize("count", [3, 100, 2000])
def test_scores_are_those_of_the_library(count: int, nulls: float) -> None:
    seen = rows(count, nulls=nulls)
    most: Any = min(256, count)
    peer = Peer(n_estimators=30, max_samples=most, random_state=7).fit(seen)
    unseen = rows(500, seed=1)
    found = IsolationForest.fit(CONFIG, seen, 7).score(unseen)
    assert found.shape == (500, 1)
    np.testing.assert_allclose(found[:, 0], -peer.score_samples(unseen), atol=1e-6)


def test_what_is_far_from_all_others_is_an_anomaly() -> None:
    forest = IsolationForest.fit(CONFIG, rows(2000, nulls=0.0), 0)
    usual, odd = np.zeros((1, 5), np.float32), np.full((1, 5), 9, np.float32)
    assert forest.score(usual) < 0.5 < forest.score(odd)
    np.testing.assert_array_equal(forest.widen(odd)[:, 5:], forest.score(odd))


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two, other = (IsolationForest.fit(CONFIG, rows(500), seed).model for seed in (1, 1, 2))
    assert one == two != other


def test_a_file_gives_the_forest_back(tmp_path: Path) -> None:
    forest = IsolationForest.fit(CONFIG, rows(500), 0)
    assert IsolationForest.read(tmp_path) is None
    forest.write(tmp_path)
    assert (tmp_path / FILE).read_bytes() == forest.model
    again = IsolationForest.read(tmp_path)
    assert again is not None
    np.testing.assert_array_equal(again.score(rows(50)), forest.score(rows(50)))


def test_the_average_path_is_that_of_a_search_tree() -> None:
    """2 H(n-1) - 2 (n-1)/n, with ln + Euler's constant for the harmonic number."""
    found = average_path(np.array([1, 2, 3, 256]))
    assert found[:2].tolist() == [0.0, 1.0]
    assert found[2] == pytest.approx(2 * (np.log(2) + 0.5772156649) - 4 / 3)
    assert found[3] == pytest.approx(10.24, abs=0.01)
