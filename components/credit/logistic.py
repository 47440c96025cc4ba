"""Logistic regression on standardised inputs, calibrated, as one graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.common.artifact import GRAPH, Matrix, write_inputs
from components.common.calibration import BetaCalibration
from components.common.graph import INPUT, MARGIN, classifier, constant, nodes_of

if TYPE_CHECKING:
    import onnx

Floats = npt.NDArray[np.float64]
_FAR = 5.0
"""Standard deviations beyond which a value says no more."""


class Logistic:
    """m = b + Σ w_j · z_j with z_j the standardised input, 0 for a null, within ±5."""

    def __init__(self, inputs: tuple[str, ...], strength: float) -> None:
        self.inputs = inputs
        self._strength = strength

    def fit(self, x: Matrix, y: npt.ArrayLike, later: tuple[Matrix, npt.ArrayLike]) -> Logistic:
        """Fit on rows [n, f] with NaN as null; the later rows calibrate it."""
        from sklearn.linear_model import LogisticRegression

        seen = np.isfinite(x).any(axis=0)
        filled = np.where(seen, x, 0.0).astype(np.float64)
        self._mean = np.nanmean(filled, axis=0)
        spread = np.nanstd(filled, axis=0)
        self._scale = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), 0.0)
        found = LogisticRegression(C=self._strength, max_iter=1000).fit(self._z(x), y)
        self._weight, self._bias = found.coef_[0], float(found.intercept_[0])
        self._calibration = BetaCalibration.fit(self._margin(later[0]), later[1])
        return self

    def predict_proba(self, x: Matrix) -> Floats:
        """Calibrated probabilities [n] of rows [n, f]."""
        return self._calibration.apply(self._margin(x))

    def _z(self, x: Matrix) -> Floats:
        z = np.clip((x - self._mean) * self._scale, -_FAR, _FAR)
        return np.nan_to_num(z, nan=0.0)

    def _margin(self, x: Matrix) -> Floats:
        return self._z(x) @ self._weight + self._bias

    def export(self, directory: Path) -> None:
        """Write the graph and the names of its inputs."""
        write_inputs(directory, self.inputs)
        (directory / GRAPH).write_bytes(self._graph().SerializeToString())

    def _graph(self) -> onnx.ModelProto:
        nodes = nodes_of(
            ("IsNaN", [INPUT], "is_null", {}),
            ("Where", ["is_null", "mean", INPUT], "known", {}),
            ("Sub", ["known", "mean"], "away", {}),
            ("Mul", ["away", "scale"], "z", {}),
            ("Clip", ["z", "near", "far"], "near_z", {}),
            ("MatMul", ["near_z", "weight"], "sum", {}),
            ("Add", ["sum", "bias"], MARGIN, {}),
        )
        values = {
            "mean": self._mean,
            "scale": self._scale,
            "near": -_FAR,
            "far": _FAR,
            "weight": self._weight[:, None],
            "bias": [[self._bias]],
        }
        constants = [constant(name, np.asarray(v, np.float32)) for name, v in values.items()]
        return classifier("finloop-credit", len(self.inputs), nodes, constants, self._calibration)
