"""What the ONNX graphs that we write have in common: their versions, and the calibration inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.common.calibration import BetaCalibration

if TYPE_CHECKING:
    import onnx

INPUT, OUTPUT = "features", "probability"
MARGIN = "margin_f32"
"""Name of the raw log-odds, float32 [n, 1], that the calibration begins from."""
_OPSET, _ML_OPSET, _IR = 17, 3, 9


def as_model(graph: onnx.GraphProto) -> onnx.ModelProto:
    """A checked model of a graph, in the versions of ONNX that we write."""
    from onnx import checker, helper

    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="finloop")
    model.ir_version = _IR
    checker.check_model(model)
    return model


def classifier(
    name: str,
    width: int,
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    calibration: BetaCalibration,
) -> onnx.ModelProto:
    """`features` float32 [n, width] with NaN as null → calibrated `probability` float64 [n].

    `nodes` lead from the features to the log-odds `MARGIN`; the calibration is put behind them.
    """
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [*nodes, *_calibration()],
        name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, ["n"])],
        initializer=[*constants, *_constants(calibration)],
    )
    return as_model(graph)


def constant(name: str, value: Any) -> onnx.TensorProto:
    """A named constant of a graph."""
    from onnx import numpy_helper

    return numpy_helper.from_array(np.asarray(value), name)


def _calibration() -> list[onnx.NodeProto]:
    """σ(a·ln σ(m) − b·ln σ(−m) + c) in float64, so that no two margins fall together.

    Through exp and log, which keep the full precision of a small probability; the runtime's own
    Sigmoid does not.
    """
    from onnx import TensorProto

    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Reshape", [MARGIN, "flat"], "margin_row", {}),
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
    return nodes_of(*steps)


def nodes_of(*steps: tuple[str, list[str], str, dict[str, Any]]) -> list[onnx.NodeProto]:
    """A node for each (operator, inputs, output, attributes)."""
    from onnx import helper

    return [helper.make_node(op, inputs, [out], **more) for op, inputs, out, more in steps]


def _constants(calibration: BetaCalibration) -> list[onnx.TensorProto]:
    values = {"a": calibration.a, "b": calibration.b, "c": calibration.c, "one": 1.0}
    flat = constant("flat", np.array([-1], dtype=np.int64))
    return [flat, *(constant(name, value) for name, value in values.items())]
