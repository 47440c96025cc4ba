"""Exact Shapley values of a row through an ensemble of trees, without the library it is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix
from components.common.trees import Trees

Floats = npt.NDArray[np.float64]
_RARE = 1e-9
"""Share of a side that no training row came to; above 0, so that it can be divided by."""


@dataclass(frozen=True)
class TreeShap:
    """The leaves of an ensemble, each with the features that its path asks.

    A leaf of value v is reached by coalition S in the share Π_j (o_j if j ∈ S else z_j) of all
    cases: o_j is 1 where the row passes every question about j on the path, z_j the share of the
    training rows that did. Such a product has Shapley values
        φ_j = v · (o_j − z_j) · ∫₀¹ Π_{k≠j} (z_k (1 − t) + o_k t) dt
    (Owen, "Multilinear extensions of games", 1972), and Gauss–Legendre nodes integrate the
    polynomial exactly. The same values as path-dependent TreeSHAP (Lundberg et al., "From local
    explanations to global understanding with explainable AI for trees", 2020).
    """

    blocks: tuple[Block, ...]
    """The leaves by how many features their paths ask."""
    width: int
    """Features of a row."""
    expected: float
    """Mean margin over the training rows: what the contributions start from."""

    @classmethod
    def of(cls, trees: Trees, width: int) -> TreeShap:
        """Prepare an ensemble over rows of `width` features."""
        by_depth: dict[int, list[tuple[dict[int, _Bounds], int]]] = {}
        for path, leaf in _paths(trees):
            by_depth.setdefault(len(path), []).append((path, leaf))
        alone = sum(float(trees.value[leaf]) for _, leaf in by_depth.pop(0, []))
        blocks = tuple(Block.of(trees, found) for _, found in sorted(by_depth.items()))
        expected = trees.base + alone + sum(block.expected for block in blocks)
        return cls(blocks, width, expected)

    def contributions(self, row: Matrix) -> Floats:
        """What each feature of a row [f] adds to the expected margin [f]; NaN is null."""
        found = np.zeros(self.width)
        for block in self.blocks:
            moved = block.contributions(row)
            found += np.bincount(block.feature.ravel(), moved.ravel(), minlength=self.width)
        return found


@dataclass(frozen=True)
class Block:
    """Leaves [l] whose paths ask d features each [d, l]."""

    feature: npt.NDArray[np.intp]
    lowest: Matrix
    """A value above it passes."""
    highest: Matrix
    """A value not above it passes."""
    null_passes: npt.NDArray[np.bool_]
    share: Floats
    value: Floats

    @classmethod
    def of(cls, trees: Trees, paths: Sequence[tuple[dict[int, _Bounds], int]]) -> Block:
        """The leaves at the ends of these paths, which ask equally many features."""

        def table(take: Callable[[_Bounds], float], kind: type) -> npt.NDArray[Any]:
            rows = [[take(bounds) for bounds in path.values()] for path, _ in paths]
            return np.ascontiguousarray(np.array(rows, dtype=kind).T)

        return cls(
            np.array([list(path) for path, _ in paths], dtype=np.intp).T,
            table(lambda bounds: bounds.lowest, np.float32),
            table(lambda bounds: bounds.highest, np.float32),
            table(lambda bounds: bounds.null_passes, np.bool_),
            table(lambda bounds: max(bounds.share, _RARE), np.float64),
            trees.value[[leaf for _, leaf in paths]].astype(np.float64),
        )

    @property
    def expected(self) -> float:
        """What these leaves add on average."""
        return float(self.value @ self.share.prod(axis=0))

    def contributions(self, row: Matrix) -> Floats:
        """What each feature of each path adds [d, l] for a row [f]."""
        asked = row[self.feature]
        passes = (asked > self.lowest) & (asked <= self.highest)
        passes |= np.isneginf(asked) & np.isneginf(self.lowest)
        passes = np.where(np.isnan(asked), self.null_passes, passes)
        among = np.zeros_like(self.share)
        for node, weight in zip(*_legendre(len(self.share)), strict=True):
            terms = self.share * (1 - node) + passes * node
            among += weight * np.multiply.reduce(terms) / terms
        return self.value * (passes - self.share) * among


@dataclass
class _Bounds:
    """What a path asks of one feature."""

    lowest: float = -np.inf
    highest: float = np.inf
    null_passes: bool = True
    share: float = 1.0

    def narrowed(self, left: bool, threshold: float, null_left: bool, part: float) -> _Bounds:
        return _Bounds(
            self.lowest if left else max(self.lowest, threshold),
            min(self.highest, threshold) if left else self.highest,
            self.null_passes and null_left == left,
            self.share * part,
        )


def _paths(trees: Trees) -> list[tuple[dict[int, _Bounds], int]]:
    """For each leaf what its path asks of each feature, and its number."""
    left, right, feature = trees.left.tolist(), trees.right.tolist(), trees.feature.tolist()
    cover, null_left = trees.cover.astype(np.float64).tolist(), trees.null_left.tolist()
    found: list[tuple[dict[int, _Bounds], int]] = []
    waiting: list[tuple[dict[int, _Bounds], int]] = [({}, root) for root in trees.roots.tolist()]
    while waiting:
        path, at = waiting.pop()
        if left[at] == at:
            found.append((path, at))
            continue
        asked, threshold = feature[at], float(trees.threshold[at])
        before = path.get(asked, _Bounds())
        for child, goes_left in ((left[at], True), (right[at], False)):
            part = cover[child] / cover[at] if cover[at] else 0.5
            bounds = before.narrowed(goes_left, threshold, null_left[at], part)
            waiting.append(({**path, asked: bounds}, child))
    return found


@cache
def _legendre(depth: int) -> tuple[Floats, Floats]:
    """Nodes and weights on [0, 1] that integrate the polynomials of degree `depth` − 1 exactly."""
    nodes, weights = np.polynomial.legendre.leggauss((depth + 1) // 2)
    return (nodes + 1) / 2, weights / 2
