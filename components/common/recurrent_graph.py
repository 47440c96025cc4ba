"""A trained network of two LSTM layers with its preparation and calibration as one ONNX graph.

Written out here rather than through a converter because what a null and a short history mean
belongs inside the graph, and because the rows come in flat, newest event first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix
from components.common.calibration import BetaCalibration
from components.common.graph import INPUT, MARGIN, classifier, constant

if TYPE_CHECKING:
    import onnx

Float32 = npt.NDArray[np.float32]
WIDEST = np.float32(8.0)
"""Standard deviations beyond which a value says nothing more."""
_LARGEST = np.float32(88.0)
"""Logarithm of about the largest float32."""


@dataclass(frozen=True)
class Preparation:
    """x → clip((s(x) − μ) / σ, ±8), a null → 0; s(x) is sign(x)·ln(1 + |x|) or x itself."""

    logarithmic: npt.NDArray[np.bool_]
    """Which features are drawn in [s]."""
    mean: Float32
    scale: Float32

    @classmethod
    def fit(cls, values: Matrix, logarithmic: npt.NDArray[np.bool_]) -> Preparation:
        """Means and standard deviations of known values [m, s]; those of nothing are 0 and 1."""
        drawn = _drawn(values, logarithmic).astype(np.float64)
        known = np.isfinite(drawn)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, drawn, 0.0).sum(axis=0) / count
        variance = np.where(known, np.square(drawn - mean), 0.0).sum(axis=0) / count
        scale = np.where(variance > 0, np.sqrt(variance), 1.0)
        return cls(logarithmic, mean.astype(np.float32), scale.astype(np.float32))

    def apply(self, values: Matrix) -> Matrix:
        """Prepared values [m, s] with one column more: 1 where an event is all null, else 0."""
        with np.errstate(over="ignore"):  # what overflows is clipped
            scaled = (_drawn(values, self.logarithmic) - self.mean) / self.scale
        known = np.where(np.isnan(values), np.float32(0), np.clip(scaled, -WIDEST, WIDEST))
        absent = np.isnan(values).all(axis=1, keepdims=True)
        return np.concatenate([known, absent], axis=1, dtype=np.float32)

    def average(self) -> Float32:
        """The event [s] of which every prepared value is 0: s⁻¹(μ)."""
        grown = np.sign(self.mean) * np.expm1(np.minimum(np.abs(self.mean), _LARGEST))
        return np.where(self.logarithmic, grown, self.mean).astype(np.float32)


def recurrent_graph(
    events: int, prepared: Preparation, weights: Sequence[Float32], calibration: BetaCalibration
) -> onnx.ModelProto:
    """`features` float32 [n, events·s], newest event first → `probability` float64 [n].

    weights: kernel, recurrent kernel and bias of two LSTM layers with gates (i, f, c, o), then
    kernel and bias of two dense layers, the first one rectified. Both LSTM layers also see, as
    their last input, whether the event is absent.
    """
    from onnx import helper

    features = len(prepared.mean)
    first, second, dense = weights[:3], weights[3:6], weights[6:]
    nodes = [
        *_prepare(),
        *_lstm("first", "prepared", "first_y", len(first[1]), last=False),
        helper.make_node("Squeeze", ["first_y", "axis_1"], ["first_h"]),
        helper.make_node("Concat", ["first_h", "absent"], ["second_x"], axis=2),
        *_lstm("second", "second_x", "second_y", len(second[1]), last=True),
        helper.make_node("Squeeze", ["second_y", "axis_0"], ["second_h"]),
        helper.make_node("Gemm", ["second_h", "dense_w", "dense_b"], ["dense"]),
        helper.make_node("Relu", ["dense"], ["rectified"]),
        helper.make_node("Gemm", ["rectified", "out_w", "out_b"], [MARGIN]),
    ]
    named = zip(("dense_w", "dense_b", "out_w", "out_b"), dense, strict=True)
    constants = [
        *_preparation(events, features, prepared),
        *_gates("first", *first),
        *_gates("second", *second),
        *(constant(name, value) for name, value in named),
    ]
    return classifier("finloop-recurrent", events * features, nodes, constants, calibration)


def _prepare() -> list[onnx.NodeProto]:
    """`features` [n, t·s] → `prepared` [t, n, s + 1], oldest first, and `absent` [t, n, 1]."""
    from onnx import TensorProto, helper

    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Reshape", [INPUT, "by_event"], "newest_first", {}),
        ("Gather", ["newest_first", "backwards"], "oldest_first", {"axis": 1}),
        ("Transpose", ["oldest_first"], "by_time", {"perm": [1, 0, 2]}),
        ("IsNaN", ["by_time"], "null", {}),
        ("Cast", ["null"], "null_f32", {"to": TensorProto.FLOAT}),
        ("ReduceMin", ["null_f32"], "absent", {"axes": [2], "keepdims": 1}),
        ("Where", ["null", "zero", "by_time"], "known", {}),
        ("Abs", ["known"], "size", {}),
        ("Add", ["size", "one_f32"], "above_one", {}),
        ("Log", ["above_one"], "log_size", {}),
        ("Sign", ["known"], "sign", {}),
        ("Mul", ["sign", "log_size"], "drawn_in", {}),
        ("Where", ["logarithmic", "drawn_in", "known"], "drawn", {}),
        ("Sub", ["drawn", "mean"], "centred", {}),
        ("Div", ["centred", "scale"], "scaled", {}),
        ("Clip", ["scaled", "lowest", "highest"], "clipped", {}),
        ("Where", ["null", "zero", "clipped"], "inputs", {}),
        ("Concat", ["inputs", "absent"], "prepared", {"axis": 2}),
    ]
    return [helper.make_node(op, inputs, [out], **more) for op, inputs, out, more in steps]


def _lstm(name: str, x: str, y: str, hidden: int, *, last: bool) -> list[onnx.NodeProto]:
    """An LSTM layer: all of its states [t, 1, n, h], or the last one [1, n, h]."""
    from onnx import helper

    weights = [f"{name}_w", f"{name}_r", f"{name}_b"]
    outputs = ["", y] if last else [y]
    return [helper.make_node("LSTM", [x, *weights], outputs, hidden_size=hidden)]


def _gates(name: str, kernel: Float32, recurrent: Float32, bias: Float32) -> list[onnx.TensorProto]:
    """Weights in the order of the operator: gates (i, o, f, c), rows by gate."""

    def ordered(weights: Float32) -> Float32:
        i, f, c, o = np.split(weights, 4, axis=-1)
        return np.concatenate([i, o, f, c], axis=-1).T[None].copy()

    both = np.concatenate([ordered(bias), np.zeros_like(bias)[None]], axis=1)
    parts = {"w": ordered(kernel), "r": ordered(recurrent), "b": both}
    return [constant(f"{name}_{part}", value) for part, value in parts.items()]


def _preparation(events: int, features: int, prepared: Preparation) -> list[onnx.TensorProto]:
    values: dict[str, Any] = {
        "by_event": np.array([-1, events, features], dtype=np.int64),
        "backwards": np.arange(events - 1, -1, -1, dtype=np.int64),
        "zero": np.float32(0),
        "one_f32": np.float32(1),
        "logarithmic": prepared.logarithmic,
        "mean": prepared.mean,
        "scale": prepared.scale,
        "lowest": -WIDEST,
        "highest": WIDEST,
        "axis_0": np.array([0], dtype=np.int64),
        "axis_1": np.array([1], dtype=np.int64),
    }
    return [constant(name, value) for name, value in values.items()]


def _drawn(values: Matrix, logarithmic: npt.NDArray[np.bool_]) -> Matrix:
    drawn_in = np.sign(values) * np.log1p(np.abs(values))
    return np.where(logarithmic, drawn_in, values).astype(np.float32)
