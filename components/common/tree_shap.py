"""Exact Shapley values of a row through an ensemble of trees, without the library it is of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix
from components.common.trees import Trees

Floats = npt.NDArray[np.float64]
_RARE = 1e-9
"""Share of a side that no training row came to; above 0, so that it can be divided by."""


@dataclass(frozen=True)
class TreeShap:
    """The leaves [l] of an ensemble, each with the features [d, l] that its path asks.

    A leaf of value v is reached by coalition S in the share Π_j (o_j if j ∈ S else z_j) of all
    cases: o_j is 1 where the row passes every question about j on the path, z_j the share of the
    training rows that did. Such a product has Shapley values
        φ_j = v · (o_j − z_j) · ∫₀¹ Π_{k≠j} (z_k (1 − t) + o_k t) dt
    (Owen, "Multilinear extensions of games", 1972), and Gauss–Legendre nodes integrate the
    polynomial exactly. The same values as path-dependent TreeSHAP (Lundberg et al., "From local
    explanations to global understanding with explainable AI for trees", 2020).
    """

    feature: npt.NDArray[np.intp]
    lowest: Matrix
    """A value above it passes [d, l]; unused slots pass everything with a share of 1."""
    highest: Matrix
    """A value not above it passes [d, l]."""
    null_passes: npt.NDArray[np.bool_]
    share: Floats
    value: Floats
    width: int
    """Features of a row."""
    expected: float
    """Mean margin over the training rows: what the contributions start from."""

    @classmethod
    def of(cls, trees: Trees, width: int) -> TreeShap:
        """Prepare an ensemble over rows of `width` features."""
        paths = _paths(trees)
        depth = max((len(path) for path, _ in paths), default=0)
        shape = (max(depth, 1), len(paths))
        feature, share = np.zeros(shape, dtype=np.intp), np.ones(shape)
        lowest, highest = np.full(shape, -np.inf, np.float32), np.full(shape, np.inf, np.float32)
        null_passes = np.ones(shape, dtype=np.bool_)
        for leaf, (path, _) in enumerate(paths):
            for slot, (name, bounds) in enumerate(path.items()):
                feature[slot, leaf], share[slot, leaf] = name, max(bounds.share, _RARE)
                lowest[slot, leaf], highest[slot, leaf] = bounds.lowest, bounds.highest
                null_passes[slot, leaf] = bounds.null_passes
        value = trees.value[[leaf for _, leaf in paths]].astype(np.float64)
        expected = trees.base + float(value @ share.prod(axis=0))
        return cls(feature, lowest, highest, null_passes, share, value, width, expected)

    def contributions(self, row: Matrix) -> Floats:
        """What each feature of a row [f] adds to the expected margin [f]; NaN is null."""
        asked = row[self.feature]
        passes = (asked > self.lowest) & (asked <= self.highest)
        passes |= np.isneginf(asked) & np.isneginf(self.lowest)
        passes = np.where(np.isnan(asked), self.null_passes, passes)
        among = np.zeros_like(self.share)
        for node, weight in zip(*_legendre(len(self.share)), strict=True):
            terms = self.share * (1 - node) + passes * node
            among += weight * np.multiply.reduce(terms) / terms
        moved = self.value * (passes - self.share) * among
        found = np.bincount(self.feature.ravel(), moved.ravel(), minlength=self.width)
        return found.astype(np.float64)


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


def _legendre(depth: int) -> tuple[Floats, Floats]:
    """Nodes and weights on [0, 1] that integrate the polynomials of degree `depth` − 1 exactly."""
    nodes, weights = np.polynomial.legendre.leggauss((depth + 1) // 2)
    return (nodes + 1) / 2, weights / 2
