"""A table of points as a tree: balanced questions about one column, then about the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix
from components.common.trees import Trees
from components.credit.binning import Steps

Floats = npt.NDArray[np.float64]
_ALL = np.float32(np.finfo(np.float32).max)
"""Every number is at most this, so that the question parts numbers from null."""


@dataclass
class _Growing:
    """Nodes of one tree, written down as they come up."""

    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    threshold: list[np.float32] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    cover: list[float] = field(default_factory=list)

    def leaf(self, value: float, cover: float) -> int:
        return self._add(-1, np.float32(0), value, cover)

    def _add(self, feature: int, threshold: np.float32, value: float, cover: float) -> int:
        number = len(self.left)
        for column, one in (
            (self.left, number),
            (self.right, number),
            (self.feature, max(feature, 0)),
            (self.threshold, threshold),
            (self.value, value),
            (self.cover, cover),
        ):
            column.append(one)  # type: ignore[arg-type]
        return number

    def ask(self, feature: int, edges: Matrix, below: Callable[[int], int]) -> int:
        """Nodes that lead a value of `feature` to what is `below` its bin; null is the last bin."""
        root = self._add(feature, _ALL, 0.0, 0.0)
        self._close(root, self._between(feature, edges, 0, below), below(len(edges) + 1))
        return root

    def _between(self, feature: int, edges: Matrix, first: int, below: Callable[[int], int]) -> int:
        if not len(edges):
            return below(first)
        middle = len(edges) // 2
        node = self._add(feature, np.float32(edges[middle]), 0.0, 0.0)
        left = self._between(feature, edges[:middle], first, below)
        right = self._between(feature, edges[middle + 1 :], first + middle + 1, below)
        self._close(node, left, right)
        return node

    def _close(self, node: int, left: int, right: int) -> None:
        self.left[node], self.right[node] = left, right
        self.cover[node] = self.cover[left] + self.cover[right]

    def done(self) -> Trees:
        """The tree; null goes right at every question."""
        return Trees(
            np.zeros(1, dtype=np.int32),
            np.array(self.left, dtype=np.int32),
            np.array(self.right, dtype=np.int32),
            np.array(self.feature, dtype=np.int32),
            np.array(self.threshold, dtype=np.float32),
            np.zeros(len(self.left), dtype=np.bool_),
            np.array(self.value, dtype=np.float32),
            np.array(self.cover, dtype=np.float32),
            base=0.0,
        )


def steps_tree(steps: Steps, column: int, weight: float) -> Trees:
    """A tree that adds `weight` times the weight of evidence of a column."""
    tree = _Growing()
    values = np.append(steps.values, steps.null) * weight
    counts = np.append(steps.counts, steps.nulls)
    tree.ask(column, steps.edges, lambda place: tree.leaf(float(values[place]), counts[place]))
    return tree.done()


def pair_tree(
    columns: tuple[int, int], edges: tuple[Matrix, Matrix], values: Floats, counts: Floats
) -> Trees:
    """A tree that adds the value of the cell [i, j] that two columns fall into."""
    tree = _Growing()

    def second(row: int) -> int:
        return tree.ask(
            columns[1],
            edges[1],
            lambda place: tree.leaf(float(values[row, place]), float(counts[row, place])),
        )

    tree.ask(columns[0], edges[0], second)
    return tree.done()
