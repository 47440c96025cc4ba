"""What moved boosted trees: the path of a row through each of them, without XGBoost.

XGBoost takes seconds to import and a millisecond to explain one row; the trees of a model are a few
thousand numbers, and one row takes a handful of steps through all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix
from components.common.errors import bad_input
from components.common.ubjson import read_ubjson

Numbers = npt.NDArray[np.intp]


@dataclass(frozen=True)
class TreePaths:
    """Every node of every tree [m]: children by number, a leaf its own child."""

    roots: Numbers
    left: Numbers
    right: Numbers
    feature: Numbers
    threshold: Matrix
    null_left: npt.NDArray[np.bool_]
    mean: Matrix
    """Mean of the leaves below, weighted by their sums of second derivatives: log-odds."""
    depth: int

    @classmethod
    def read(cls, path: Path) -> TreePaths:
        """The trees of an XGBoost model in Universal Binary JSON, without categories.

        Raises `FinloopError("artifact_unreadable")` where the file holds none.
        """
        try:
            trees = read_ubjson(path.read_bytes())["learner"]["gradient_booster"]["model"]["trees"]
            return cls.of(trees)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise bad_input(
                "artifact_unreadable", f"The trees in {path} cannot be loaded."
            ) from error

    @classmethod
    def of(cls, trees: Sequence[Mapping[str, Any]]) -> TreePaths:
        """From trees in the words of XGBoost's model files."""
        sizes = [len(tree["left_children"]) for tree in trees]
        roots = np.cumsum([0, *sizes[:-1]])
        own = np.arange(sum(sizes))
        first = np.repeat(roots, sizes)
        left, right = (
            np.where(child < 0, own, child + first)
            for child in (_joined(trees, "left_children"), _joined(trees, "right_children"))
        )
        mean, depth = _means(left, right, trees)
        return cls(
            roots.astype(np.intp),
            left.astype(np.intp),
            right.astype(np.intp),
            _joined(trees, "split_indices").astype(np.intp),
            _joined(trees, "split_conditions").astype(np.float32),
            _joined(trees, "default_left").astype(np.bool_),
            mean,
            depth,
        )

    def contributions(self, row: Matrix) -> npt.NDArray[np.float64]:
        """What each feature of a row [f] added to the log-odds [f]; NaN is null.

        Along the path through each tree, the change of the mean counts for the feature that was
        asked: Saabas, "Interpreting random forests", 2014; XGBoost's `approx_contribs`.
        """
        moved = np.zeros(len(row))
        null, at = np.isnan(row), self.roots
        for _ in range(self.depth):
            asked = self.feature[at]
            goes_left = np.where(null[asked], self.null_left[at], row[asked] < self.threshold[at])
            to = np.where(goes_left, self.left[at], self.right[at])
            moved += np.bincount(asked, self.mean[to] - self.mean[at], minlength=len(row))
            at = to
        return moved


def _joined(trees: Sequence[Mapping[str, Any]], name: str) -> npt.NDArray[Any]:
    return np.concatenate([tree[name] for tree in trees])


def _means(left: Numbers, right: Numbers, trees: Sequence[Mapping[str, Any]]) -> tuple[Matrix, int]:
    """The mean of each node [m], and the length of the longest path.

    A level at a time from the leaves up, so that both children of a node are there before it.
    """
    weight = _joined(trees, "sum_hessian").astype(np.float32)
    mean = _joined(trees, "split_conditions").astype(np.float32)  # of a leaf: its value
    height = np.zeros(len(mean), dtype=np.intp)
    inner = np.flatnonzero(left != np.arange(len(left)))
    depth = 0
    while True:
        above = 1 + np.maximum(height[left[inner]], height[right[inner]])
        if np.array_equal(above, height[inner]):
            break
        height[inner] = above
        depth += 1
    for level in range(1, depth + 1):
        nodes = np.flatnonzero(height == level)
        below = (left[nodes], right[nodes])
        mean[nodes] = sum(mean[child] * weight[child] for child in below) / weight[nodes]
    return mean, depth
