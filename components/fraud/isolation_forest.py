"""How unlike other payments a payment is: an isolation forest, as a stage inside the fraud model.

The forest sees no labels. Its score is one more input of the boosted trees, so it is fitted on the
rows that these learn from and travels inside their graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.artifact import Matrix, session_of
from components.common.graph import as_model

if TYPE_CHECKING:
    import onnx
    import onnxruntime

FILE = "isolation.onnx"
"""The forest alone: `features` float32 [n, f] with NaN as null → `anomaly` float32 [n, 1]."""
ANOMALY = "anomaly"
_EULER = 0.5772156649015329


class IsolationConfig(BaseModel):
    """What can be tuned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    isolation_trees: int = Field(default=100, ge=0)
    """Trees of the isolation forest; 0 leaves it out."""
    isolation_rows: int = Field(default=256, ge=2)
    """Rows that each of its trees sees."""


@dataclass(frozen=True)
class IsolationForest:
    """s(x) = 2^(−E[h(x)] / c(m)): h(x) splits isolate x in a tree grown on m rows at random, and
    c(m) is what a search tree of m rows needs on average; near 1 is an anomaly, below ½ is usual.

    Liu, Ting and Zhou, "Isolation Forest", ICDM 2008.
    """

    model: bytes = field(repr=False)
    """The ONNX graph of `FILE`."""

    @classmethod
    def fit(cls, config: IsolationConfig, rows: Matrix, seed: int) -> IsolationForest:
        """A forest grown on rows [n, f]; a null goes the way that a split draws for it."""
        from sklearn.ensemble import IsolationForest as Sklearn

        most: Any = min(config.isolation_rows, len(rows))
        forest = Sklearn(
            n_estimators=config.isolation_trees,
            max_samples=most,
            random_state=seed,
            n_jobs=1,
        ).fit(rows)
        trees = [tree.tree_ for tree in forest.estimators_]
        graph = _graph(trees, rows.shape[1], int(forest.max_samples_))
        return cls(graph.SerializeToString(deterministic=True))

    def score(self, rows: Matrix) -> Matrix:
        """Anomaly scores [n, 1] of rows [n, f]."""
        (scores,) = self._session.run([ANOMALY], {"features": rows})
        return np.asarray(scores, dtype=np.float32)

    def widen(self, rows: Matrix) -> Matrix:
        """Rows [n, f] with their score as the last column [n, f + 1]."""
        return np.concatenate([rows, self.score(rows)], axis=1)

    def write(self, directory: Path) -> None:
        """Write the forest as a file of the artifact."""
        (directory / FILE).write_bytes(self.model)

    @classmethod
    def read(cls, directory: Path) -> IsolationForest | None:
        """The forest of an artifact; None where it has none."""
        path = directory / FILE
        return cls(path.read_bytes()) if path.exists() else None

    @property
    def stage(self) -> onnx.GraphProto:
        """The graph, to become part of another."""
        import onnx

        return onnx.load_model_from_string(self.model).graph

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return session_of(self.model)


def _graph(trees: list[Any], width: int, rows: int) -> onnx.ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    columns: dict[str, Any] = {}
    for number, tree in enumerate(trees):
        for name, values in _one_tree(number, tree).items():
            columns.setdefault(name, []).extend(values)
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["path_length"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="AVERAGE",
        **columns,
    )
    halving = np.float32(-np.log(2.0) / average_path(np.array([rows]))[0])
    graph = helper.make_graph(
        [
            ensemble,
            helper.make_node("Mul", ["path_length", "halving"], ["log_anomaly"]),
            helper.make_node("Exp", ["log_anomaly"], [ANOMALY]),
        ],
        "finloop-isolation",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info(ANOMALY, TensorProto.FLOAT, ["n", 1])],
        initializer=[numpy_helper.from_array(np.array(halving), "halving")],
    )
    return as_model(graph)


def _one_tree(number: int, tree: Any) -> dict[str, list[Any]]:
    """The columns of the ONNX operator for one tree; a leaf's weight is its path length."""
    leaf = tree.children_left < 0
    leaves = np.flatnonzero(leaf)
    weight = _depths(tree)[leaves] + average_path(tree.n_node_samples[leaves])
    return {
        "nodes_treeids": [number] * tree.node_count,
        "nodes_nodeids": list(range(tree.node_count)),
        "nodes_modes": ["LEAF" if at else "BRANCH_LEQ" for at in leaf],
        "nodes_featureids": np.where(leaf, 0, tree.feature).tolist(),
        "nodes_values": np.where(leaf, 0.0, _not_above(tree.threshold)).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, tree.children_left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, tree.children_right).tolist(),
        "nodes_missing_value_tracks_true": np.where(leaf, 0, tree.missing_go_to_left).tolist(),
        "target_treeids": [number] * len(leaves),
        "target_nodeids": leaves.tolist(),
        "target_ids": [0] * len(leaves),
        "target_weights": weight.tolist(),
    }


def _depths(tree: Any) -> npt.NDArray[np.int64]:
    """Splits above each node; children come after their parents."""
    depth = np.zeros(tree.node_count, dtype=np.int64)
    for node in np.flatnonzero(tree.children_left >= 0):
        depth[tree.children_left[node]] = depth[tree.children_right[node]] = depth[node] + 1
    return depth


def _not_above(threshold: npt.NDArray[np.float64]) -> Matrix:
    """Thresholds in float32 that no float32 value passes which the exact ones keep out."""
    rounded = threshold.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > threshold, below, rounded)


def average_path(rows: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Average length of an unsuccessful search in a binary tree of so many rows."""
    n = np.maximum(rows, 2).astype(np.float64)
    long = 2.0 * (np.log(n - 1.0) + _EULER) - 2.0 * (n - 1.0) / n
    return np.where(rows > 2, long, np.where(rows == 2, 1.0, 0.0))
