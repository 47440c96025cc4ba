"""An additive ensemble of binary trees as plain arrays, whatever library grew it.

One form for a scorecard, a forest and boosted trees, so that each is written into a graph, blended
and explained by the same few lines, without the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix, session_of
from components.common.errors import bad_input

if TYPE_CHECKING:
    import onnx
    import onnxruntime

TREES = "trees.npz"
"""File of the arrays of an ensemble; NumPy's own format, read without pickle."""
MARGIN_INPUT, MARGIN_OUTPUT = "rows", "sum"

Integers = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trees:
    """Every node of every tree [m], those of a tree next to each other: x ≤ threshold goes left.

    Children are numbered over the whole ensemble; a leaf is its own child. The margin of a row is
    `base` plus the value of the leaf it reaches in each tree.
    """

    roots: Integers
    """First node of each tree [t]."""
    left: Integers
    right: Integers
    feature: Integers
    threshold: Matrix
    """Rounded down to float32, so that a float32 goes the same way as by the float64 it was."""
    null_left: npt.NDArray[np.bool_]
    value: Matrix
    """What a leaf adds; 0 at the other nodes."""
    cover: Matrix
    """Weight of the training rows that came to each node."""
    base: float

    @property
    def is_leaf(self) -> npt.NDArray[np.bool_]:
        return self.left == np.arange(len(self.left))

    @property
    def leaves(self) -> int:
        return int(self.is_leaf.sum())

    def margin(self, rows: Matrix) -> Floats:
        """The sum over the trees [n] for rows [n, f]; NaN is null."""
        width = rows.shape[1]
        if width not in self._sessions:
            self._sessions[width] = session_of(self._model(width))
        (found,) = self._sessions[width].run(None, {MARGIN_INPUT: rows})
        return np.asarray(found, dtype=np.float64)[:, 0]

    def scaled(self, factor: float) -> Trees:
        """The ensemble whose margin is `factor` times as much."""
        value = (self.value * np.float32(factor)).astype(np.float32)
        return replace(self, value=value, base=self.base * factor)

    def write(self, path: Path) -> None:
        """Write the arrays; the same ensemble gives the same bytes."""
        arrays: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        np.savez(path, **arrays)

    @classmethod
    def read(cls, path: Path) -> Trees:
        """The ensemble that `write` wrote.

        Raises `FinloopError("artifact_unreadable")` where the file holds none.
        """
        try:
            with np.load(path, allow_pickle=False) as found:
                arrays = {one.name: found[one.name] for one in fields(cls)}
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise bad_input(
                "artifact_unreadable", f"The trees in {path} cannot be loaded."
            ) from error
        return cls(**{**arrays, "base": float(arrays["base"])})

    def node(self, rows: str, total: str) -> onnx.NodeProto:
        """The operator that turns `rows` float32 [n, f] into `total` float32 [n, 1]."""
        from onnx import helper

        first = np.repeat(self.roots, np.diff(np.append(self.roots, len(self.left))))
        tree = np.repeat(np.arange(len(self.roots)), np.diff(np.append(self.roots, len(first))))
        number, leaf = np.arange(len(first)) - first, self.is_leaf
        inner = np.where(leaf, 0, 1)
        return helper.make_node(
            "TreeEnsembleRegressor",
            [rows],
            [total],
            domain="ai.onnx.ml",
            n_targets=1,
            base_values=[self.base],
            nodes_treeids=tree.tolist(),
            nodes_nodeids=number.tolist(),
            nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
            nodes_featureids=(self.feature * inner).tolist(),
            nodes_values=(self.threshold * inner).tolist(),
            nodes_truenodeids=((self.left - first) * inner).tolist(),
            nodes_falsenodeids=((self.right - first) * inner).tolist(),
            nodes_missing_value_tracks_true=(self.null_left * inner).tolist(),
            target_treeids=tree[leaf].tolist(),
            target_nodeids=number[leaf].tolist(),
            target_ids=[0] * self.leaves,
            target_weights=self.value[leaf].tolist(),
        )

    @cached_property
    def _sessions(self) -> dict[int, onnxruntime.InferenceSession]:
        return {}

    def _model(self, width: int) -> bytes:
        from onnx import TensorProto, helper

        from components.common.graph import as_model

        rows = helper.make_tensor_value_info(MARGIN_INPUT, TensorProto.FLOAT, ["n", width])
        total = helper.make_tensor_value_info(MARGIN_OUTPUT, TensorProto.FLOAT, ["n", 1])
        node = self.node(MARGIN_INPUT, MARGIN_OUTPUT)
        return as_model(helper.make_graph([node], "trees", [rows], [total])).SerializeToString()


def joined(parts: Sequence[Trees], *, base: float = 0.0) -> Trees:
    """One ensemble whose margin is the sum of those of its parts, and `base`."""
    starts = np.cumsum([0, *(len(part.left) for part in parts[:-1])]).astype(np.int32)

    def stacked(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    def numbered(name: str) -> Integers:
        columns = zip(parts, starts, strict=True)
        return np.concatenate([getattr(part, name) + start for part, start in columns])

    return Trees(
        numbered("roots"),
        numbered("left"),
        numbered("right"),
        stacked("feature"),
        stacked("threshold"),
        stacked("null_left"),
        stacked("value"),
        stacked("cover"),
        base=base + sum(part.base for part in parts),
    )


def rounded_down(threshold: npt.ArrayLike) -> Matrix:
    """The largest float32 [m] that are not above these float64 [m]."""
    exact = np.asarray(threshold, dtype=np.float64)
    with np.errstate(over="ignore"):
        near = exact.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return np.where(near.astype(np.float64) > exact, below, near)
