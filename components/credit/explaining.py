"""What moved a credit score, exactly: from the artifact, without the libraries that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix, read_inputs
from components.common.errors import bad_input
from components.common.tree_shap import TreeShap
from components.common.trees import TREES, Trees
from components.credit.derived import Derived

EXPLANATION = "explanation.json"
"""What beside the trees tells how rows become what the trees see."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Explainer:
    """Shapley values of one row on the log-odds scale, by input."""

    inputs: tuple[str, ...]
    derived: Derived
    shap: TreeShap

    def contributions(self, vector: Matrix) -> Floats:
        """What each input of a row [1, f] adds to the mean log-odds [f]; positive raises the risk.

        Their sum and the mean are the log-odds before the calibration, which keeps the order. What
        a column made of several inputs adds is told of them in equal parts.
        """
        moved = self.shap.contributions(self.derived.widen(vector)[0])
        return self.derived.back(moved, len(self.inputs))


def read_explainer(directory: Path) -> Explainer:
    """What explains the artifact in that folder; a folder is read once.

    Raises `FinloopError("artifact_unreadable")` where it holds no explanation.
    """
    return _read(directory)


@lru_cache(maxsize=8)
def _read(directory: Path) -> Explainer:
    try:
        told: Mapping[str, Any] = json.loads((directory / EXPLANATION).read_text(encoding="utf-8"))
        made: Sequence[Mapping[str, Any]] = told["derived"]
        derived = Derived.from_json(made)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise bad_input(
            "artifact_unreadable", f"The explanation in {directory} cannot be loaded."
        ) from error
    inputs = read_inputs(directory)
    width = len(inputs) + len(derived.made)
    return Explainer(inputs, derived, TreeShap.of(Trees.read(directory / TREES), width))
