"""The serving artifact: one ONNX graph and the ordered names of its inputs. Light on purpose."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from components.common.errors import bad_input

if TYPE_CHECKING:
    import onnxruntime
    import pandas as pd

GRAPH = "model.onnx"
"""The whole model: `features` float32 [n, f] with NaN as null → `probability` float64 [n].

A model that ranks gives [n, m], a probability for each of m things."""
INPUTS = "inputs.json"
"""JSON array of the feature names, in the order of the columns of the matrix."""

Matrix = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]


class Scorer:
    """A loaded artifact. Safe to share between threads; scores on the caller's own thread."""

    def __init__(self, session: onnxruntime.InferenceSession, inputs: tuple[str, ...]) -> None:
        self._session = session
        self._output = [session.get_outputs()[0].name]
        self._input = session.get_inputs()[0].name
        self.inputs = inputs

    @classmethod
    def load(cls, directory: Path) -> Scorer:
        """The artifact of that folder.

        Raises `FinloopError("artifact_unreadable")` where a file is missing or is no model.
        """
        inputs = read_inputs(directory)
        session = _open(directory / GRAPH)
        width = session.get_inputs()[0].shape[-1]
        if width != len(inputs):
            raise _unreadable(directory, f"{INPUTS} names {len(inputs)} inputs, not {width}")
        return cls(session, inputs)

    def score(self, matrix: Matrix) -> Scores:
        """Calibrated probabilities of rows [n, f] in the order of `inputs`; NaN is null.

        [n], or [n, m] of a graph that ranks m things for each row.
        """
        (probability,) = self._session.run(self._output, {self._input: matrix})
        return np.asarray(probability, dtype=np.float64)

    def vector(self, features: Mapping[str, Any]) -> Matrix:
        """One row [1, f] from named values; None, missing and not finite become NaN."""
        return vector(features, self.inputs)

    def warm(self) -> None:
        """Score once, so that the first request does not pay for the first run."""
        self.score(np.full((1, len(self.inputs)), np.nan, dtype=np.float32))


def vector(features: Mapping[str, Any], inputs: Sequence[str]) -> Matrix:
    """One row [1, f] from named values; None, missing and not finite become NaN."""
    row = np.array([[features.get(name) for name in inputs]], dtype=np.float64)  # None is NaN
    row[~np.isfinite(row)] = nan
    return row.astype(np.float32)


def matrix(frame: pd.DataFrame, inputs: Sequence[str]) -> Matrix:
    """The input columns of a frame as rows [n, f]; null and not finite become NaN.

    Raises `FinloopError("missing_inputs")` where a column is not there.
    """
    missing = [name for name in inputs if name not in frame.columns]
    if missing:
        raise bad_input(
            "missing_inputs", f"The frame lacks these model inputs: {', '.join(missing)}."
        )
    rows = frame[list(inputs)].to_numpy(dtype=np.float32, na_value=np.nan)
    return np.where(np.isfinite(rows), rows, np.float32(np.nan))


def read_inputs(directory: Path) -> tuple[str, ...]:
    """The ordered feature names of the artifact in that folder."""
    try:
        names = json.loads((directory / INPUTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(directory, str(error)) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _unreadable(directory, f"{INPUTS} is not an array of names")
    return tuple(names)


def write_inputs(directory: Path, inputs: Sequence[str]) -> None:
    """Write the ordered feature names of an artifact."""
    text = json.dumps(list(inputs), ensure_ascii=False, indent=1)
    (directory / INPUTS).write_text(text + "\n", encoding="utf-8")


def session_of(graph: bytes) -> onnxruntime.InferenceSession:
    """A session that scores an ONNX graph on the caller's own thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a single row is done before a second thread has woken up
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _open(path: Path) -> onnxruntime.InferenceSession:
    try:
        return session_of(path.read_bytes())
    except Exception as error:  # the runtime's own exception types share no base class
        raise _unreadable(path.parent, str(error).splitlines()[0]) from error


def _unreadable(directory: Path, why: str) -> Exception:
    return bad_input("artifact_unreadable", f"The model in {directory} cannot be loaded: {why}.")
