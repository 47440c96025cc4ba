"""From a frame to a judged artifact: who is trained on, and who is scored by what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.artifact import Scorer, matrix
from components.common.evaluation import evaluate
from components.common.members import HELD_OUT
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN
from components.fraud import XGBOOST
from components.fraud.boosting import Boosting
from components.fraud.boosting_training import train_candidate
from components.fraud.features import MODEL_INPUT
from components.fraud.training import measure

QUICK = '{"rounds": 20, "refit": false}'


def frame(folder: Path, *, seed: int = 4) -> pd.DataFrame:
    """Write a frame in which the amount tells what is fraud, nearly."""
    draw, count = np.random.default_rng(seed), 1_500
    rows = pd.DataFrame(draw.normal(size=(count, len(MODEL_INPUT))), columns=list(MODEL_INPUT))
    began = datetime(2025, 1, 1, tzinfo=UTC)
    rows["event_timestamp"] = [began + timedelta(hours=n / 4) for n in range(count)]
    rows["transaction_id"] = [f"t{n}" for n in range(count)]
    rows["user_id"] = [f"u{n}" for n in draw.integers(0, 60, count)]
    rows[XGBOOST.label] = rows["amount"] + draw.normal(size=count) / 3 > 1.6
    rows[SPLIT] = np.repeat([TRAIN, CALIBRATION, TEST], count // 3)
    folder.mkdir(exist_ok=True)
    rows.to_parquet(folder / "frame.parquet")
    (folder / "windows.json").write_text('{"cut_off": "2025-03-01T00:00:00+00:00"}')
    return rows


def test_the_test_rows_are_scored_by_the_artifact(tmp_path: Path) -> None:
    rows = frame(tmp_path / "frame")
    verdict, metrics = train_candidate(tmp_path / "frame", tmp_path / "out", QUICK)
    test = rows[rows[SPLIT] == TEST]
    score = Scorer.load(tmp_path / "out").score(matrix(test, MODEL_INPUT))
    assert metrics["roc_auc"] == evaluate(measure(test, score))["roc_auc"]
    assert metrics["roc_auc"].value > 0.9
    assert metrics["artifact_max_difference"].value <= 1e-4
    assert set(verdict.details["gates"]) == {gate.metric for gate in XGBOOST.gates}


@pytest.mark.parametrize(("changed", "same"), [(TEST, True), (TRAIN, False), (CALIBRATION, False)])
def test_only_train_and_calibration_shape_the_model(
    tmp_path: Path, changed: str, same: bool
) -> None:
    rows = frame(tmp_path / "one")
    train_candidate(tmp_path / "one", tmp_path / "before", QUICK)
    flipped = rows[SPLIT] == changed
    rows.loc[flipped, XGBOOST.label] = ~rows.loc[flipped, XGBOOST.label]
    rows.to_parquet(tmp_path / "one" / "frame.parquet")
    train_candidate(tmp_path / "one", tmp_path / "after", QUICK)
    graphs = [(tmp_path / name / "model.onnx").read_bytes() for name in ("before", "after")]
    assert (graphs[0] == graphs[1]) is same


def test_the_artifact_is_whole_and_can_be_loaded_back(tmp_path: Path) -> None:
    rows = frame(tmp_path / "frame")
    train_candidate(tmp_path / "frame", tmp_path / "out", QUICK)
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert told["rows"]["train"]["rows"] == 500
    assert told["parameters"]["rounds"] == 20
    model = Boosting.load(tmp_path / "out")
    reference = pd.read_parquet(tmp_path / "out" / "reference.parquet")
    assert len(reference) == 1_000
    np.testing.assert_allclose(model.predict_proba(reference), reference["score"], atol=1e-4)
    assert set(reference["amount"]) == set(rows.loc[rows[SPLIT] != TEST, "amount"])


def test_days_are_counted_from_the_beginning_of_the_test(tmp_path: Path) -> None:
    rows = frame(tmp_path / "frame")
    test = rows[rows[SPLIT] == TEST]
    measured = measure(test, np.zeros(len(test)))
    assert measured.day is not None
    assert (measured.day.min(), measured.day.max()) == (0, 5)
    assert (np.diff(measured.day) >= 0).all()


def test_what_it_said_before_it_knew_goes_with_it(tmp_path: Path) -> None:
    rows = frame(tmp_path / "frame")
    train_candidate(tmp_path / "frame", tmp_path / "out", '{"rounds": 20, "refit": true}')
    kept = pd.read_parquet(tmp_path / "out" / HELD_OUT)
    later = rows[rows[SPLIT] == CALIBRATION]
    assert kept["transaction_id"].tolist() == later["transaction_id"].tolist()
    now = Scorer.load(tmp_path / "out").score(matrix(later, MODEL_INPUT))
    assert not np.allclose(kept["said"], now)
    assert evaluate(measure(later, kept["said"]))["roc_auc"].value > 0.9
