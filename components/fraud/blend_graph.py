"""A blend as one ONNX graph, which goes on where a member is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.common.calibration import BetaCalibration
from components.common.graph import INPUT, MARGIN, classifier, constant, nodes_of
from components.fraud.blend import LEAST, Blend

if TYPE_CHECKING:
    import onnx


def blend_graph(blend: Blend) -> onnx.ModelProto:
    """`features` float32 [n, k], the probability of each member → `probability` float64 [n].

    A member that is missing is NaN; then the one that is there and weighs most answers alone, and
    nobody answers (NaN) where none is there.
    """
    nodes = [*_log_odds(), *_together(), *_alone(blend), *_chosen()]
    constants = [
        constant("even", np.float32(0.5)),
        constant("least", np.float64(LEAST)),
        constant("most", np.float64(1 - LEAST)),
        constant("one_f64", np.float64(1.0)),
        constant("half_f64", np.float64(0.5)),
        constant("nobody", np.float64("nan")),
        constant("bias", np.float64(blend.bias)),
        constant("weights", np.array([[w] for w in blend.weights.values()], np.float64)),
        *(constant(f"place_{at}", np.array([at], np.int64)) for at in range(len(blend.weights))),
    ]
    return classifier("finloop-blend", len(blend.weights), nodes, constants, BetaCalibration())


def _log_odds() -> list[onnx.NodeProto]:
    """ln p − ln(1 − p) of each member [n, k] in float64; anything finite where it is missing."""
    from onnx import TensorProto

    return nodes_of(
        ("IsNaN", [INPUT], "missing", {}),
        ("Where", ["missing", "even", INPUT], "present", {}),
        ("Cast", ["present"], "wide", {"to": TensorProto.DOUBLE}),
        ("Clip", ["wide", "least", "most"], "p", {}),
        ("Sub", ["one_f64", "p"], "q", {}),
        ("Log", ["p"], "ln_p", {}),
        ("Log", ["q"], "ln_q", {}),
        ("Sub", ["ln_p", "ln_q"], "log_odds", {}),
    )


def _together() -> list[onnx.NodeProto]:
    """The blend of all members [n, 1], and whether one is missing."""
    from onnx import TensorProto

    return nodes_of(
        ("MatMul", ["log_odds", "weights"], "weighed", {}),
        ("Add", ["weighed", "bias"], "together", {}),
        ("Cast", ["missing"], "missing_f64", {"to": TensorProto.DOUBLE}),
        ("ReduceMax", ["missing_f64"], "most_missing", {"axes": [1], "keepdims": 1}),
        ("Greater", ["most_missing", "half_f64"], "any_missing", {}),
    )


def _alone(blend: Blend) -> list[onnx.NodeProto]:
    """The member that is there and weighs most [n, 1]: each one overrules those that weigh less."""
    names = list(blend.weights)
    found, nodes = "nobody", []
    for name in sorted(names, key=lambda name: blend.weights[name], reverse=True)[::-1]:
        at = names.index(name)
        nodes += nodes_of(
            ("Gather", ["log_odds", f"place_{at}"], f"odds_{at}", {"axis": 1}),
            ("Gather", ["missing", f"place_{at}"], f"missing_{at}", {"axis": 1}),
            ("Where", [f"missing_{at}", found, f"odds_{at}"], f"alone_{at}", {}),
        )
        found = f"alone_{at}"
    return [*nodes, *nodes_of(("Identity", [found], "alone", {}))]


def _chosen() -> list[onnx.NodeProto]:
    from onnx import TensorProto

    return nodes_of(
        ("Where", ["any_missing", "alone", "together"], "chosen", {}),
        ("Cast", ["chosen"], MARGIN, {"to": TensorProto.FLOAT}),
    )
