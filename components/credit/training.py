"""From a training frame to a judged candidate of credit-scoring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import Field

from components.common.artifact import matrix
from components.common.errors import refused
from components.common.evaluation import Metric, Scored, scored
from components.common.evidence import count_splits
from components.common.frame import Frame, read_frame
from components.common.judging import Made, judge_artifact
from components.common.slices import banded
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN, Labelled
from components.common.verdict import Verdict
from components.credit import LABEL, SCORING
from components.credit.decision import Policy
from components.credit.features import AGE, MODEL_INPUT
from components.credit.logistic import Logistic

if TYPE_CHECKING:
    import pandas as pd

PURPOSE = "Will this loan be repaid? The score is the probability that it is not."

REJECTED = (
    "It has learnt from loans that were granted and have ended. What would have become of declined "
    "applications is not known and not guessed (no reject inference), so that its probability "
    "holds for applicants like those who were granted a loan."
)
"""How declined applicants are treated, for the card."""

LABELLED = Labelled(
    events="loans",
    key="application_id",
    outcomes="loan_outcomes",
    label=LABEL,
    entities=("user_id",),
)

AGE_BANDS = (25, 35, 45, 60)
"""Years at which the bands begin by which fairness is told."""

LEAST_DEFAULTS = 10
"""Defaults, and loans repaid, without which nothing can be learnt from or measured on a window."""


class ScoringConfig(Policy):
    """What can be tuned of a credit model: how it learns, and its thresholds."""

    use_age: bool = False
    """Whether age is an input of the model; otherwise only the fairness report sees it."""
    strength: float = Field(default=0.1, gt=0)
    """Inverse of the regularisation."""


def train_candidate(frame: Path, out: Path, config: str) -> tuple[Verdict, dict[str, Metric]]:
    """Fill the artifact folder `out` from a frame; what the gates say, and the metrics.

    config: `ScoringConfig` as JSON. Raises `FinloopError("too_little_history")` where a window
    holds too few loans of either end.
    """
    rows, chosen = read_frame(frame), ScoringConfig.model_validate_json(config)
    _require_both_ends(rows)
    inputs = (*MODEL_INPUT, AGE) if chosen.use_age else MODEL_INPUT
    train, later = (rows.widened((), split) for split in (TRAIN, CALIBRATION))
    model = Logistic(inputs, chosen.strength).fit(
        matrix(train, inputs), train[LABEL], (matrix(later, inputs), later[LABEL])
    )
    out.mkdir(parents=True, exist_ok=True)
    model.export(out)
    chosen.write(out)
    expected = model.predict_proba(matrix(rows.widened((), TEST), inputs))
    made = Made(chosen.model_dump(), expected, limits=(REJECTED,))
    return judge_artifact(SCORING, LABELLED.key, rows, out, made, measure, slices)


def measure(test: pd.DataFrame, score: object) -> Scored:
    """Test rows with scores, ready to be measured by user."""
    return scored(test[LABEL], score, entity=test["user_id"])  # type: ignore[arg-type]


def slices(test: pd.DataFrame) -> dict[str, npt.ArrayLike]:
    """Name of a grouping → the group of each test row [n]: for whom might it fail?"""
    return {
        "age": banded(test["age"].to_numpy(float), AGE_BANDS),
        "term": banded(test["term_months"].to_numpy(float), (13, 37), " months"),
        "bureau": np.where(test["bureau_score"].isna(), "unknown", "known"),
        "payments": banded(test["spend_count"].fillna(0).to_numpy(float), (1, 100)),
    }


def _require_both_ends(frame: Frame) -> None:
    for split, counted in count_splits(frame.rows, SPLIT, LABEL).items():
        bad, good = counted["positives"], counted["rows"] - counted["positives"]
        if min(bad, good) < LEAST_DEFAULTS:
            raise refused(
                "too_little_history",
                f"The {split} window holds {bad} defaults and {good} repaid loans, and "
                f"{LEAST_DEFAULTS} of each are needed; bring a longer history, or set "
                "calibration_days and test_days otherwise.",
            )
