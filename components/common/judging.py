"""From an exported artifact to a judged candidate: measured as it will be served, with evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from components.common.artifact import Scorer, Scores, matrix
from components.common.domain import ModelSpec
from components.common.evaluation import (
    Metric,
    Scored,
    artifact_difference,
    evaluate,
    judge_gates,
)
from components.common.evidence import Evidence, count_splits, write_reference, write_sample
from components.common.frame import Frame
from components.common.importance import permutation_importance
from components.common.members import write_held_out
from components.common.model_card import IMPORTANCE, draw_importance
from components.common.pictures import PICTURE, draw_evaluation
from components.common.section import Section
from components.common.slices import slice_section
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN
from components.common.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

Measure = Callable[["pd.DataFrame", Scores], Scored]
"""Test rows with their scores, ready to be measured."""
Slicing = Callable[["pd.DataFrame"], Mapping[str, npt.ArrayLike]]
"""Name of a grouping → the group of each test row [n]."""


@dataclass(frozen=True)
class Made:
    """What a model says of itself beside its artifact."""

    parameters: dict[str, Any]
    expected: Scores
    """Its own scores of the test rows, which the artifact must give too."""
    metrics: dict[str, Metric] = field(default_factory=dict)
    """What else was measured."""
    importance: dict[str, float] = field(default_factory=dict)
    """How much it leans on each input, in any unit; measured by shuffling where it cannot tell."""
    held_out: Scores | None = None
    """What it said of the calibration rows before it had learnt from them."""
    sections: tuple[Section, ...] = ()
    """What its card says beside the slices."""
    limits: tuple[str, ...] = ()
    """What its card warns of beside what holds for every model, in sentences."""


def judge_artifact(
    spec: ModelSpec,
    key: str,
    frame: Frame,
    out: Path,
    made: Made,
    measure: Measure,
    slices: Slicing,
) -> tuple[Verdict, dict[str, Metric]]:
    """Measure the exported artifact in `out` and add its evidence; what the gates say, and metrics.

    The test rows are scored by the artifact, not by the model that it was made from. key: column
    that names an event.
    """
    scorer = Scorer.load(out)
    test = frame.widened(scorer.inputs, TEST)
    score = scorer.score(matrix(test, scorer.inputs))
    measured = measure(test, score)
    metrics = evaluate(measured) | made.metrics
    metrics["artifact_max_difference"] = artifact_difference(made.expected, score)
    verdict = judge_gates(metrics, spec.gates)
    sections = [slice_section(measured, slices(test)), *made.sections]
    known = frame.rows[frame.mask(TRAIN, CALIBRATION, TEST)]
    counts = count_splits(known, SPLIT, spec.label)
    Evidence(
        made.parameters, frame.windows, counts, metrics, verdict, sections, list(made.limits)
    ).write(out)
    # Members have learnt from the calibration rows since, and speak otherwise of what they know.
    usual = (TEST,) if spec.members else (TRAIN, CALIBRATION)
    write_reference(out, scorer, frame.widened(scorer.inputs, *usual))
    write_sample(out, scorer, test, score)
    if made.held_out is not None:
        write_held_out(out, frame.rows[frame.mask(CALIBRATION)][key], made.held_out)
    draw_evaluation(measured, out / PICTURE)
    importance = made.importance or permutation_importance(scorer, test, spec.label)
    draw_importance(importance, out / IMPORTANCE)
    return verdict, metrics
