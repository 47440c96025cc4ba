"""From a training frame to a judged candidate of credit-scoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from components.common.domain import ModelSpec
from components.common.errors import bad_input, refused
from components.common.evaluation import Metric, Scored, scored
from components.common.evidence import count_splits
from components.common.frame import Frame, read_frame
from components.common.judging import Made, judge_artifact
from components.common.section import Section
from components.common.slices import banded
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN, Labelled
from components.common.verdict import Verdict
from components.credit import FOUR_FIFTHS, LABEL, SCORING
from components.credit.choosing import ChoosingConfig, Chosen, choose
from components.credit.columns import ColumnsConfig
from components.credit.decision import Policy
from components.credit.fairness import (
    RATIO,
    Attribute,
    disadvantaged,
    fairness,
    fairness_metrics,
    fairness_section,
)
from components.credit.features import AGE, MODEL_INPUT, PROTECTED
from components.credit.tuning import TuningConfig

if TYPE_CHECKING:
    import pandas as pd

PURPOSE = "Will this loan be repaid? The score is the probability that it is not."

REJECTED = (
    "It has learnt from loans that were granted and have ended. What would have become of declined "
    "applications is not known and not guessed (no reject inference), so that its probability "
    "holds for applicants like those who were granted a loan."
)
"""How declined applicants are treated, for the card."""

UNKNOWN_GROUPS = (
    "Nobody has looked at whether it is fair: the test rows hold no two groups that are known and "
    "large enough to be compared, so that no gate could judge it."
)

LABELLED = Labelled(
    events="loans",
    key="application_id",
    outcomes="loan_outcomes",
    label=LABEL,
    entities=("user_id",),
)

MONOTONE = {
    "annual_income": -1,
    "employment_months": -1,
    "bureau_score": -1,
    "loan_amount": 1,
    "loan_to_income": 1,
    "existing_loans": 1,
    "debt_to_income": 1,
}
"""Feature → +1 where more of it never raises a score, −1 where it never lowers one."""

AGE_BANDS = (25, 35, 45, 60)
"""Years at which the bands begin by which fairness is told."""

MOST_VALUES = 10
"""Values of a number up to which each of them is a group of its own."""

LEAST_DEFAULTS = 10
"""Defaults, and loans repaid, without which nothing can be learnt from or measured on a window."""


class ScoringConfig(Policy):
    """What can be tuned of a credit model: how it is found, and its thresholds."""

    use_age: bool = False
    """Whether age is an input of the model; otherwise only the fairness report sees it."""
    protected: str = ""
    """Columns of the frame beside the age, with commas between them, that no model may see and by
    which fairness is told and judged, too."""
    kinds: str = "all"
    """Kinds of models that are compared, with commas between them: scorecard, random-forest, …"""
    tuning_seconds: float = Field(default=20.0, ge=0)
    """Time to tune all kinds together."""
    trials: int = Field(default=10, ge=0)
    """Most configurations that are tried of each kind; 0 takes the usual one as it is."""
    folds: int = Field(default=3, ge=2)
    """Folds of the cross-validation that tunes."""
    seed: int = 0
    """Seed of folds, draws and models."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Columns beside the age by which fairness is judged."""
        return tuple(name.strip() for name in self.protected.split(",") if name.strip())

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that a model may see."""
        known = (*MODEL_INPUT, AGE) if self.use_age else MODEL_INPUT
        return tuple(name for name in known if name not in self.groups)

    @property
    def choosing(self) -> ChoosingConfig:
        """The same in the words of whoever chooses."""
        told: dict[str, Any] = {}
        if self.kinds != "all":
            told["kinds"] = tuple(kind.strip() for kind in self.kinds.split(","))
        hidden = tuple(name for name in (*PROTECTED, *self.groups) if name not in self.inputs)
        return ChoosingConfig(
            columns=ColumnsConfig(protected=hidden),
            monotone=MONOTONE,
            tuning=TuningConfig(
                seconds=self.tuning_seconds, trials=self.trials, folds=self.folds, seed=self.seed
            ),
            **told,
        )


def train_candidate(frame: Path, out: Path, config: str) -> tuple[Verdict, dict[str, Metric]]:
    """Fill the artifact folder `out` from a frame; what the gates say, and the metrics.

    config: `ScoringConfig` as JSON. Raises `FinloopError`: `too_little_history` where a window
    holds too few loans of either end, `unknown_group` where a protected column is not there.
    """
    rows, wanted = read_frame(frame), ScoringConfig.model_validate_json(config)
    _require_groups(rows, wanted.groups)
    _require_both_ends(rows)
    columns = list(wanted.inputs)
    train, later = (rows.widened((), split) for split in (TRAIN, CALIBRATION))
    chosen = choose((train[columns], train[LABEL]), (later[columns], later[LABEL]), wanted.choosing)
    chosen.fitted.export(out)
    wanted.write(out)
    made = _made(chosen, wanted, rows.widened((), TEST))
    return judge_artifact(judged_by(made.metrics), LABELLED.key, rows, out, made, measure, slices)


def _made(chosen: Chosen, wanted: ScoringConfig, test: pd.DataFrame) -> Made:
    """What the model says of itself: its kind, whom it was compared with, and how fair it is."""
    expected = chosen.predict_proba(test)
    protected = protected_groups(test, wanted.groups)
    groups = fairness(test[LABEL], expected < wanted.approve_below, protected)
    measured = measured_fairness(groups)
    unmeasured = () if FOUR_FIFTHS.metric in measured else (UNKNOWN_GROUPS,)
    return Made(
        {**wanted.model_dump(), "kind": chosen.kind},
        expected,
        metrics=measured,
        importance=chosen.fitted.importance(),
        sections=(_compared(chosen), fairness_section(groups)),
        limits=(REJECTED, *unmeasured),
    )


def measured_fairness(groups: tuple[Attribute, ...]) -> dict[str, Metric]:
    """Ratios and differences, and how many groups break the four-fifths rule beyond chance.

    That number is missing where no two groups can be compared.
    """
    measured = fairness_metrics(groups)
    if RATIO not in measured:
        return measured
    count = float(len(disadvantaged(groups)))
    return {**measured, FOUR_FIFTHS.metric: Metric(count, count, count)}


def judged_by(measured: Mapping[str, Metric]) -> ModelSpec:
    """The model with the gates that can judge it: fairness is none where nobody could measure it,
    and its card says so."""
    if FOUR_FIFTHS.metric in measured:
        return SCORING
    return replace(SCORING, gates=tuple(gate for gate in SCORING.gates if gate != FOUR_FIFTHS))


def _compared(chosen: Chosen) -> Section:
    """Every kind of model on the rows after those that it had learnt from."""
    told = chosen.comparison()
    return Section(
        "Candidates",
        (
            f"Chosen: {chosen.kind}, the simplest of those within one standard error of the best "
            "on the calibration rows, which none of them had seen.",
        ),
        ("kind", "roc auc", "behind the best", "standard error"),
        tuple(
            (kind, one["roc_auc"], one["behind_the_best"], one["standard_error"])
            for kind, one in told.items()
        ),
    )


def protected_groups(
    test: pd.DataFrame, others: tuple[str, ...] = ()
) -> Mapping[str, npt.ArrayLike]:
    """Name of a protected attribute → the group of each row [n]."""
    found = {AGE: banded(test[AGE].to_numpy(float), AGE_BANDS)}
    return {**found, **{name: _grouped(test[name]) for name in others}}


def _grouped(column: pd.Series) -> npt.ArrayLike:
    """The groups of a column: its values, or fourths of its range where it has very many."""
    known = column.dropna()
    if column.dtype.kind in "iuf" and known.nunique() > MOST_VALUES:
        bounds = np.unique(np.quantile(known, (0.25, 0.5, 0.75)))
        return banded(column.to_numpy(float), tuple(bounds.tolist()))
    return np.where(column.isna(), "unknown", column.astype(str))


def measure(test: pd.DataFrame, score: object) -> Scored:
    """Test rows with scores, ready to be measured by user."""
    return scored(test[LABEL], score, entity=test["user_id"])  # type: ignore[arg-type]


def slices(test: pd.DataFrame) -> dict[str, npt.ArrayLike]:
    """Name of a grouping → the group of each test row [n]: for whom might it fail?"""
    return {
        "age": banded(test[AGE].to_numpy(float), AGE_BANDS),
        "term": banded(test["term_months"].to_numpy(float), (13, 37), " months"),
        "bureau": np.where(test["bureau_score"].isna(), "unknown", "known"),
        "payments": banded(test["spend_count"].fillna(0).to_numpy(float), (1, 100)),
    }


def _require_groups(frame: Frame, groups: tuple[str, ...]) -> None:
    unknown = [name for name in groups if name not in frame.rows.columns]
    if unknown:
        raise bad_input(
            "unknown_group",
            f"The protected columns {', '.join(unknown)} are not in the training frame.",
        )


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
