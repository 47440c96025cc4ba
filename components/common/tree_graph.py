"""A trained XGBoost booster with its calibration as one ONNX graph.

Written out here rather than through a converter because the calibration belongs inside the graph
and the comparison of a feature with a threshold must be the booster's own: `x < t` in float32,
with a null going the way each node learnt.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from components.common.calibration import BetaCalibration
from components.common.graph import INPUT, MARGIN, classifier

if TYPE_CHECKING:
    import onnx
    import xgboost


def tree_graph(
    booster: xgboost.Booster, calibration: BetaCalibration, stage: onnx.GraphProto | None = None
) -> onnx.ModelProto:
    """`features` float32 [n, f] with NaN as null → calibrated `probability` float64 [n].

    `stage` is a graph of the same input whose one output [n, k] the trees see after the features.
    Reads numeric splits of a binary logistic booster; raises `ValueError` for anything else.
    """
    from onnx import helper

    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    width = int(learner["learner_model_param"]["num_feature"])
    nodes, constants = [_trees(learner, INPUT)], []
    if stage is not None:
        (told,) = stage.output
        widen = helper.make_node("Concat", [INPUT, told.name], ["widened"], axis=1)
        nodes, constants = [*stage.node, widen, _trees(learner, "widened")], list(stage.initializer)
        width -= told.type.tensor_type.shape.dim[1].dim_value
    return classifier("finloop-boosting", width, nodes, constants, calibration)


def _trees(learner: dict[str, Any], rows: str) -> onnx.NodeProto:
    from onnx import helper

    if learner["objective"]["name"] != "binary:logistic":
        raise ValueError(f"Cannot write the objective {learner['objective']['name']!r}.")
    columns: dict[str, Any] = {}
    for number, tree in enumerate(learner["gradient_booster"]["model"]["trees"]):
        for name, values in _one_tree(number, tree).items():
            columns.setdefault(name, []).extend(values)
    return helper.make_node(
        "TreeEnsembleRegressor",
        [rows],
        [MARGIN],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=[_base_margin(learner)],
        **columns,
    )


def _one_tree(number: int, tree: dict[str, Any]) -> dict[str, list[Any]]:
    """The columns of the ONNX operator for one tree; its node ids are the booster's own."""
    if any(tree["split_type"]):
        raise ValueError("Cannot write categorical splits.")
    left, condition = tree["left_children"], tree["split_conditions"]
    leaves = [node for node, child in enumerate(left) if child == -1]
    is_leaf = [child == -1 for child in left]

    def inner(values: list[Any], at_leaf: float) -> list[Any]:
        return [at_leaf if leaf else value for leaf, value in zip(is_leaf, values, strict=True)]

    return {
        "nodes_treeids": [number] * len(left),
        "nodes_nodeids": list(range(len(left))),
        "nodes_modes": ["LEAF" if leaf else "BRANCH_LT" for leaf in is_leaf],
        "nodes_featureids": inner(tree["split_indices"], 0),
        "nodes_values": inner(condition, 0.0),
        "nodes_truenodeids": inner(left, 0),
        "nodes_falsenodeids": inner(tree["right_children"], 0),
        "nodes_missing_value_tracks_true": inner(tree["default_left"], 0),
        "target_treeids": [number] * len(leaves),
        "target_nodeids": leaves,
        "target_ids": [0] * len(leaves),
        "target_weights": [condition[node] for node in leaves],
    }


def _base_margin(learner: dict[str, Any]) -> float:
    """Margin before the first tree; XGBoost 3 writes it as a probability in an array."""
    stored = json.loads(learner["learner_model_param"]["base_score"])
    (base,) = np.atleast_1d(np.asarray(stored, dtype=np.float32))
    return float(-np.log(np.float32(1.0) / base - np.float32(1.0)))
