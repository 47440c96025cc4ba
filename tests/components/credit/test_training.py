"""From a frame to a judged candidate: evidence, what is protected, and too little history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from components.common.artifact import read_inputs
from components.common.errors import Exit, FinloopError
from components.common.evaluation import Metric, judge_gates
from components.common.evidence import read_metrics
from components.common.frame import write_frame
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN
from components.common.verdict import Verdict
from components.credit import FOUR_FIFTHS, LABEL, SCORING
from components.credit.decision import Policy
from components.credit.fairness import TITLE, Attribute, Group
from components.credit.features import PROTECTED
from components.credit.reasons import explain
from components.credit.training import (
    REJECTED,
    ScoringConfig,
    judged_by,
    measured_fairness,
    train_candidate,
)
from tests.credit_artifact import ROWS, make_applications

QUICK = {"kinds": "scorecard", "trials": 0, "folds": 2, "tuning_seconds": 0}
Judged = tuple[Path, Verdict, dict[str, Metric]]


def frame(folder: Path, **changes: Any) -> Path:
    """A training frame of applications, with ages; columns can be changed by name."""
    x, y = make_applications(5)
    moments = pd.date_range("2025-01-01", periods=ROWS, freq="4h", tz="UTC")
    split = np.select([np.arange(ROWS) < 450, np.arange(ROWS) < 600], [TRAIN, CALIBRATION], TEST)
    known = {
        "application_id": [f"a{number}" for number in range(ROWS)],
        "user_id": [f"u{number % 300}" for number in range(ROWS)],
        "event_timestamp": moments,
        LABEL: y.astype(bool),
        SPLIT: split,
        "age": np.random.default_rng(2).integers(20, 70, ROWS).astype(float),
        "birth_year": 1985.0,
    }
    rows = x.assign(**{**known, **changes})
    write_frame(folder, pa.Table.from_pandas(rows, preserve_index=False), None, {"test": "then"})
    return folder


def train(folder: Path, config: dict[str, Any], **changes: Any) -> Judged:
    made = frame(folder / "frame", **changes)
    verdict, metrics = train_candidate(made, folder / "out", json.dumps({**QUICK, **config}))
    return folder / "out", verdict, metrics


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return train(tmp_path_factory.mktemp("usual"), {"approve_below": 0.3})


def test_a_candidate_is_judged_by_what_its_artifact_says(judged: Judged) -> None:
    folder, verdict, metrics = judged
    assert verdict.ok, verdict.reasons
    assert set(verdict.details["gates"]) == {gate.metric for gate in SCORING.gates}
    assert metrics["roc_auc"].value > 0.65
    assert metrics["artifact_max_difference"].value < 1e-6
    assert Policy.read(folder) == Policy(approve_below=0.3)
    wanted = {"reference.parquet", "sample.parquet", "evaluation.png", "importance.png"}
    assert wanted <= {path.name for path in folder.iterdir()}


def test_the_card_is_told_of_fairness_of_candidates_and_of_declined_applicants(
    judged: Judged,
) -> None:
    told = json.loads((judged[0] / "metrics.json").read_text())
    sections = {one["title"]: one for one in told["sections"]}
    assert {"Slices", "Candidates", "Fairness"} <= set(sections)
    assert [row[0] for row in sections["Candidates"]["rows"]] == ["scorecard"]
    groups = {row[0] for row in sections["Fairness"]["rows"]}
    assert {"age: under 25", "age: 25–35", "age: 60 and more"} <= groups
    assert told["limits"] == [REJECTED]
    assert "no reject inference" in REJECTED


def test_protected_attributes_are_no_inputs_unless_a_setting_lets_age_in(judged: Judged) -> None:
    inputs = json.loads((judged[0] / "inputs.json").read_text())
    assert not set(PROTECTED) & set(inputs)
    assert not set(PROTECTED) & set(ScoringConfig().inputs)
    assert ScoringConfig().choosing.columns.protected == PROTECTED
    with_age = ScoringConfig(use_age=True)
    assert set(with_age.inputs) & set(PROTECTED) == {"age"}
    assert with_age.choosing.columns.protected == ("birth_year",)


def test_other_groups_are_hidden_from_the_model_and_told_of(tmp_path: Path) -> None:
    told = {"protected": "existing_loans, term_months,bureau_score"}
    folder, _, metrics = train(tmp_path, told)
    inputs = read_inputs(folder)
    assert not {"existing_loans", "term_months", "bureau_score"} & set(inputs)
    assert "debt_to_income" in inputs
    fair = next(one for one in read_metrics(folder)["sections"] if one["title"] == TITLE)
    groups = [str(row[0]) for row in fair["rows"]]
    assert {f"term_months: {months}.0" for months in (12, 24, 36)} <= set(groups)
    assert len([group for group in groups if group.startswith("bureau_score: ")]) == 4
    assert any(group.startswith("age: ") for group in groups)
    assert FOUR_FIFTHS.metric in metrics


def test_a_group_that_nobody_knows_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="columns colour, sign are not in the training frame"):
        train(tmp_path, {"protected": "colour,term_months,sign"})


def test_the_artifact_explains_itself(judged: Judged) -> None:
    inputs = json.loads((judged[0] / "inputs.json").read_text())
    vector = np.full((1, len(inputs)), np.nan, dtype=np.float32)
    vector[0, inputs.index("debt_to_income")] = 5.0
    assert explain(judged[0], vector)[0].code == "DEBT_TO_INCOME"


def by_age(*groups: tuple[int, float]) -> tuple[Attribute, ...]:
    """Groups of so many rows, of which such a share is approved."""
    made = (
        Group(f"band {place}", rows, rate, rate, 0.1) for place, (rows, rate) in enumerate(groups)
    )
    return (Attribute("age", tuple(made)),)


@pytest.mark.parametrize(
    ("groups", "violations"),
    [
        (by_age((400, 0.9), (400, 0.85)), 0),
        (by_age((400, 0.9), (400, 0.6)), 1),
        (by_age((400, 0.9), (400, 0.6), (300, 0.5)), 2),
        (by_age((35, 0.7), (35, 0.5)), 0),  # a fifth apart, by luck
        (by_age((400, 0.9), (20, 0.1)), None),  # too few to be compared
        (by_age((400, 0.9)), None),
        (by_age((40, 0.0), (40, 0.0)), None),
    ],
)
def test_the_gate_counts_groups_that_are_worse_off_beyond_chance(
    groups: tuple[Attribute, ...], violations: int | None
) -> None:
    measured = measured_fairness(groups)
    if violations is None:
        assert FOUR_FIFTHS.metric not in measured
        assert FOUR_FIFTHS not in judged_by(measured).gates, "its card says that nobody looked"
        return
    assert measured[FOUR_FIFTHS.metric].value == violations
    assert FOUR_FIFTHS in judged_by(measured).gates
    reasons = judge_gates(measured, [FOUR_FIFTHS]).reasons
    assert len(reasons) == (violations > 0)


def test_too_little_history_is_said(tmp_path: Path) -> None:
    _, y = make_applications(5)
    label = np.where(np.arange(ROWS) < 595, y, 0).astype(bool)
    with pytest.raises(FinloopError, match="The test window holds 0 defaults and 300") as caught:
        train(tmp_path, {}, **{LABEL: label})
    assert (caught.value.code, caught.value.exit_status) == ("too_little_history", Exit.REFUSED)


def test_what_can_be_tuned_is_checked() -> None:
    with pytest.raises(ValueError, match=r"approve_below 0\.5 lies above decline_from 0\.4"):
        ScoringConfig(approve_below=0.5, decline_from=0.4)
    assert ScoringConfig(kinds="scorecard, lightgbm").choosing.kinds == ("scorecard", "lightgbm")
