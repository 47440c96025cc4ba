"""What training a fraud model has in common: from its artifact to a judged candidate."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.common.artifact import Scorer, Scores, matrix
from components.common.domain import ModelSpec
from components.common.evaluation import (
    Metric,
    Scored,
    artifact_difference,
    evaluate,
    judge_gates,
    scored,
)
from components.common.evidence import Evidence, count_splits, write_reference, write_sample
from components.common.frame import Frame
from components.common.members import write_held_out
from components.common.model_card import IMPORTANCE, draw_importance
from components.common.pictures import PICTURE, draw_evaluation
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN, Labelled
from components.common.verdict import Verdict
from components.fraud import LABEL
from components.fraud.decision import Policy

if TYPE_CHECKING:
    import pandas as pd

PURPOSE = "Is this payment the customer's own? The score is the probability that it is not."

LABELLED = Labelled(
    events="transactions",
    key="transaction_id",
    outcomes="outcomes",
    label=LABEL,
    entities=("user_id", "merchant_id"),
)


@dataclass(frozen=True)
class Made:
    """What a model says of itself beside its artifact."""

    parameters: dict[str, Any]
    expected: Scores
    """Its own scores of the test rows, which the artifact must give too."""
    metrics: dict[str, Metric] = field(default_factory=dict)
    """What else was measured."""
    importance: dict[str, float] = field(default_factory=dict)
    """How much it leans on each input, in any unit; nothing is drawn where it cannot tell."""
    held_out: Scores | None = None
    """What it said of the calibration rows before it had learnt from them."""
    policy: Policy = field(default_factory=Policy)
    """The thresholds that go with it."""


def judge_artifact(
    spec: ModelSpec, frame: Frame, out: Path, made: Made
) -> tuple[Verdict, dict[str, Metric]]:
    """Measure the exported artifact in `out` and add its evidence; what the gates say, and metrics.

    The test rows are scored by the artifact, not by the model that it was made from.
    """
    made.policy.write(out)
    scorer = Scorer.load(out)
    test = frame.widened(scorer.inputs, TEST)
    score = scorer.score(matrix(test, scorer.inputs))
    measured = measure(test, score)
    metrics = evaluate(measured) | made.metrics
    metrics["artifact_max_difference"] = artifact_difference(made.expected, score)
    verdict = judge_gates(metrics, spec.gates)
    known = frame.rows[frame.mask(TRAIN, CALIBRATION, TEST)]
    counts = count_splits(known, SPLIT, LABEL)
    Evidence(made.parameters, frame.windows, counts, metrics, verdict).write(out)
    # Members have learnt from the calibration rows since, and speak otherwise of what they know.
    usual = (TEST,) if spec.members else (TRAIN, CALIBRATION)
    write_reference(out, scorer, frame.widened(scorer.inputs, *usual))
    write_sample(out, scorer, test, score)
    if made.held_out is not None:
        rows = frame.rows[frame.mask(CALIBRATION)]
        write_held_out(out, rows[LABELLED.key], made.held_out)
    draw_evaluation(measured, out / PICTURE)
    if made.importance:
        draw_importance(made.importance, out / IMPORTANCE)
    return verdict, metrics


def measure(test: pd.DataFrame, score: object) -> Scored:
    """Test rows with scores, ready to be measured: by user, and by day since the test began."""
    began = test["event_timestamp"].min()
    return scored(
        test[LABEL],
        score,  # type: ignore[arg-type]
        entity=test["user_id"],
        day=(test["event_timestamp"] - began).dt.days,
    )
