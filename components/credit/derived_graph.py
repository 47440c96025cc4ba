"""The columns that a model makes of others, as nodes of its graph.

Operation by operation what `derived.Derived.widen` computes in float32, so that a value on a
threshold goes the same way in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from components.common.graph import constant, nodes_of
from components.credit.derived import CHANGE, LARGEST, MEAN, RATIO, Made

if TYPE_CHECKING:
    import onnx

Step = tuple[str, list[str], str, dict[str, Any]]


def widening(
    made: Sequence[Made], rows: str, widened: str
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes and constants from `rows` [n, f] to `widened` [n, f + k]."""
    if not made:
        return nodes_of(("Identity", [rows], widened, {})), []
    used = sorted({place for one in made for place in one.of})
    steps: list[Step] = [
        ("Gather", [rows, f"place_{place}"], f"column_{place}", {"axis": 1}) for place in used
    ]
    for number, one in enumerate(made):
        steps += _one(one, f"made_{number}")
    columns = [rows, *(f"made_{number}" for number in range(len(made)))]
    steps.append(("Concat", columns, widened, {"axis": 1}))
    places = [constant(f"place_{place}", np.array([place], dtype=np.int64)) for place in used]
    values = {"nothing": np.nan, "none": 0.0, "one_more": 1.0, "low": -np.inf, "high": np.inf}
    constants = [constant(name, np.float32(value)) for name, value in values.items()]
    return nodes_of(*steps), [*places, *constants]


def _one(made: Made, name: str) -> list[Step]:
    columns = [f"column_{place}" for place in made.of]
    raw = f"{name}_raw"
    if made.operation == RATIO:
        steps: list[Step] = [("Div", columns, raw, {})]
    elif made.operation == CHANGE:
        steps = [("Sub", [columns[0], columns[-1]], raw, {})]
    elif made.operation == MEAN:
        steps = _mean(columns, name, raw)
    else:
        steps = _extreme(columns, name, raw, largest=made.operation == LARGEST)
    infinite = f"{name}_infinite"
    return [
        *steps,
        ("IsInf", [raw], infinite, {}),
        ("Where", [infinite, "nothing", raw], name, {}),
    ]


def _known(columns: Sequence[str], name: str, instead: str) -> tuple[list[Step], list[str]]:
    """Each column with `instead` in place of a null."""
    steps: list[Step] = []
    filled = []
    for number, column in enumerate(columns):
        null, known = f"{name}_null_{number}", f"{name}_known_{number}"
        steps += [
            ("IsNaN", [column], null, {}),
            ("Where", [null, instead, column], known, {}),
        ]
        filled.append(known)
    return steps, filled


def _mean(columns: Sequence[str], name: str, raw: str) -> list[Step]:
    """Added up one after the other: a sum in another order is another float32."""
    steps, filled = _known(columns, name, "none")
    total, count = "none", "none"
    for number, known in enumerate(filled):
        there = f"{name}_there_{number}"
        steps += [
            ("Add", [total, known], f"{name}_total_{number}", {}),
            ("Where", [f"{name}_null_{number}", "none", "one_more"], there, {}),
            ("Add", [count, there], f"{name}_count_{number}", {}),
        ]
        total, count = f"{name}_total_{number}", f"{name}_count_{number}"
    return [*steps, ("Div", [total, count], raw, {})]


def _extreme(columns: Sequence[str], name: str, raw: str, *, largest: bool) -> list[Step]:
    """Without any value the answer is infinite, which becomes null."""
    steps, filled = _known(columns, name, "low" if largest else "high")
    return [*steps, ("Max" if largest else "Min", filled, raw, {})]
