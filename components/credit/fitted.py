"""A fitted credit model: from raw rows to a calibrated probability, and to its artifact."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.common.artifact import GRAPH, read_inputs, write_inputs
from components.common.calibration import BetaCalibration
from components.common.trees import TREES, Trees
from components.credit.columns import Columns
from components.credit.derived import Derived
from components.credit.explaining import EXPLANATION
from components.credit.inputs import Inputs

if TYPE_CHECKING:
    import onnx
    import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """P(default | x) = κ(m(d(e(x)))): encoded columns e, added columns d, trees m on the log-odds
    scale, and κ a strictly increasing beta calibration fitted on rows that the trees had not seen.
    """

    inputs: Inputs
    trees: Trees
    calibration: BetaCalibration

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Calibrated probabilities of default [n] of rows; needs every input column."""
        return self.calibration.apply(self.margin(frame))

    def margin(self, frame: pd.DataFrame) -> Floats:
        """Log-odds [n] before the calibration."""
        return self.trees.margin(self.inputs.rows(frame))

    def importance(self) -> dict[str, float]:
        """How much each column moves the log-odds among the training rows, on average.

        Mean |contribution| of a column's splits by the rows that came to them: of each split the
        standard deviation of what its two sides come to, told of the columns it was made of.
        """
        moved = _split_spread(self.trees, len(self.inputs.names))
        told = self.inputs.derived.back(moved, len(self.inputs.columns.names))
        return dict(zip(self.inputs.columns.names, told.tolist(), strict=True))

    def export(self, directory: Path) -> None:
        """Write model.onnx, inputs.json, trees.npz and explanation.json into `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        names = self.inputs.columns.names
        (directory / GRAPH).write_bytes(self._graph().SerializeToString(deterministic=True))
        write_inputs(directory, names)
        self.trees.write(directory / TREES)
        columns = self.inputs.columns
        told = {
            "derived": self.inputs.derived.as_json(),
            "signs": list(self.inputs.signs),
            "calibration": json.loads(self.calibration.as_json()),
            "categories": columns.categories,
            "unseen": columns.unseen,
            "moments": sorted(columns.moments),
        }
        text = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True)
        (directory / EXPLANATION).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Fitted:
        """The model that `export` wrote, whole."""
        told = json.loads((directory / EXPLANATION).read_text(encoding="utf-8"))
        columns = Columns(
            read_inputs(directory), told["categories"], told["unseen"], frozenset(told["moments"])
        )
        inputs = Inputs(columns, Derived.from_json(told["derived"]), tuple(told["signs"]))
        calibration = BetaCalibration(**told["calibration"])
        return cls(inputs, Trees.read(directory / TREES), calibration)

    def _graph(self) -> onnx.ModelProto:
        from components.common.graph import INPUT, MARGIN, classifier
        from components.credit.derived_graph import widening

        nodes, constants = widening(self.inputs.derived.made, INPUT, "widened")
        nodes.append(self.trees.node("widened", MARGIN))
        width = len(self.inputs.columns.names)
        return classifier("finloop-credit", width, nodes, constants, self.calibration)


def _split_spread(trees: Trees, width: int) -> Floats:
    """For each feature [f] the sum over its splits of share of rows × spread of the two sides."""
    mean = _node_means(trees)
    inner = np.flatnonzero(~trees.is_leaf)
    left, right = trees.left[inner], trees.right[inner]
    cover = np.maximum(trees.cover[inner].astype(np.float64), 1e-12)
    part = trees.cover[left] / cover
    spread = np.sqrt(np.clip(part * (1 - part), 0, None)) * np.abs(mean[left] - mean[right])
    root = trees.roots[np.searchsorted(trees.roots, inner, side="right") - 1]
    share = cover / np.maximum(trees.cover[root], 1e-12)
    found = np.bincount(trees.feature[inner], share * spread, minlength=width)
    return found.astype(np.float64)


def _node_means(trees: Trees) -> Floats:
    """The mean of what lies below each node [m]; children always come up before they are asked."""
    mean, cover = trees.value.astype(np.float64), trees.cover.astype(np.float64)
    done = trees.is_leaf.copy()
    while not done.all():
        ready = np.flatnonzero(~done & done[trees.left] & done[trees.right])
        left, right = trees.left[ready], trees.right[ready]
        total = np.maximum(cover[left] + cover[right], 1e-12)
        mean[ready] = (mean[left] * cover[left] + mean[right] * cover[right]) / total
        done[ready] = True
    return mean
