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

if TYPE_CHECKING:
    import onnx
    import xgboost

INPUT, OUTPUT = "features", "probability"
_OPSET, _ML_OPSET, _IR = 17, 3, 9


def tree_graph(
    booster: xgboost.Booster, calibration: BetaCalibration, stage: onnx.GraphProto | None = None
) -> onnx.ModelProto:
    """`features` float32 [n, f] with NaN as null → calibrated `probability` float64 [n].

    `stage` is a graph of the same input whose one output [n, k] the trees see after the features.
    Reads numeric splits of a binary logistic booster; raises `ValueError` for anything else.
    """
    from onnx import TensorProto, helper

    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    width = int(learner["learner_model_param"]["num_feature"])
    nodes, constants = [_trees(learner, INPUT), *_calibration()], _constants(calibration)
    if stage is not None:
        (told,) = stage.output
        widen = helper.make_node("Concat", [INPUT, told.name], ["widened"], axis=1)
        nodes = [*stage.node, widen, _trees(learner, "widened"), *_calibration()]
        constants = [*stage.initializer, *constants]
        width -= told.type.tensor_type.shape.dim[1].dim_value
    graph = helper.make_graph(
        nodes,
        "finloop-boosting",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, ["n"])],
        initializer=constants,
    )
    return as_model(graph)


def as_model(graph: onnx.GraphProto) -> onnx.ModelProto:
    """A checked model of a graph, in the versions of ONNX that we write."""
    from onnx import checker, helper

    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="finloop")
    model.ir_version = _IR
    checker.check_model(model)
    return model


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
        ["margin_f32"],
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


def _calibration() -> list[onnx.NodeProto]:
    """σ(a·ln σ(m) − b·ln σ(−m) + c) in float64, so that no two margins fall together.

    Through exp and log, which keep the full precision of a small probability; the runtime's own
    Sigmoid does not.
    """
    from onnx import TensorProto, helper

    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Reshape", ["margin_f32", "flat"], "margin_row", {}),
        ("Cast", ["margin_row"], "margin", {"to": TensorProto.DOUBLE}),
        ("Neg", ["margin"], "minus", {}),
        ("Exp", ["minus"], "odds_against", {}),
        ("Exp", ["margin"], "odds", {}),
        ("Add", ["odds_against", "one"], "above", {}),
        ("Add", ["odds", "one"], "below", {}),
        ("Log", ["above"], "minus_lower", {}),
        ("Log", ["below"], "minus_upper", {}),
        ("Mul", ["minus_lower", "a"], "a_lower", {}),
        ("Mul", ["minus_upper", "b"], "b_upper", {}),
        ("Sub", ["a_lower", "b_upper"], "bent", {}),
        ("Sub", ["bent", "c"], "minus_logit", {}),
        ("Exp", ["minus_logit"], "calibrated_odds_against", {}),
        ("Add", ["calibrated_odds_against", "one"], "total", {}),
        ("Div", ["one", "total"], OUTPUT, {}),
    ]
    return [helper.make_node(op, inputs, [out], **more) for op, inputs, out, more in steps]


def _constants(calibration: BetaCalibration) -> list[onnx.TensorProto]:
    from onnx import numpy_helper

    values = {"a": calibration.a, "b": calibration.b, "c": calibration.c, "one": 1.0}
    flat = numpy_helper.from_array(np.array([-1], dtype=np.int64), "flat")
    return [flat, *(numpy_helper.from_array(np.array(v), name) for name, v in values.items())]
