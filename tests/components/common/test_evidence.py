"""What lies beside the model: numbers that come back, and rows that prove the artifact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.artifact import Scorer, matrix
from components.common.evaluation import Metric, scored
from components.common.evidence import (
    METRICS,
    REFERENCE_ROWS,
    SAMPLE_ROWS,
    SCORE,
    Evidence,
    count_splits,
    read_metrics,
    write_reference,
    write_sample,
    write_values,
)
from components.common.pictures import draw_evaluation
from components.common.verdict import Verdict
from components.common.verdict_file import read_verdict
from components.fraud.boosting import Boosting, BoostingConfig


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifact")
    x = rows(600, seed=1)
    Boosting(BoostingConfig(rounds=5)).fit(x, x["amount"] > 1).export(folder)
    return folder


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(count, 2))
    values[::7, 1] = np.nan
    return pd.DataFrame(values, columns=["amount", "speed_kmh"])


def test_numbers_come_back(tmp_path: Path) -> None:
    verdict = Verdict(False, ("The roc auc is low.",), {"gates": {}})
    metrics = {"roc_auc": Metric(0.7, 0.6, 0.8), "brier": Metric(float("nan"), 0.0, 0.0)}
    rows = {"train": {"rows": 3, "positives": 1}}
    Evidence({"rounds": 3}, {"cut_off": "2025"}, rows, metrics, verdict).write(tmp_path)
    told = read_metrics(tmp_path)
    assert told["metrics"]["roc_auc"] == {"value": 0.7, "low": 0.6, "high": 0.8}
    assert told["metrics"]["brier"]["value"] is None
    assert (told["parameters"], told["windows"], told["rows"]) == (
        {"rounds": 3},
        {"cut_off": "2025"},
        rows,
    )
    assert read_verdict(tmp_path / "verdict.json") == verdict
    assert (tmp_path / METRICS).read_text().endswith("}\n")


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    metrics = {"roc_auc": Metric(0.7, 0.6, 0.8), "brier": Metric(float("nan"), 0.0, 0.0)}
    assert write_values(tmp_path / "metrics", metrics) == {"roc_auc": 0.7}
    assert json.loads((tmp_path / "metrics").read_text()) == {"roc_auc": 0.7}


def test_splits_are_counted() -> None:
    frame = pd.DataFrame({"split": ["train", "train", "test"], "y": [True, False, True]})
    assert count_splits(frame, "split", "y") == {
        "train": {"rows": 2, "positives": 1},
        "test": {"rows": 1, "positives": 1},
    }


def test_the_sample_proves_the_artifact_from_lowest_to_highest(artifact: Path) -> None:
    scorer, test = Scorer.load(artifact), rows(900)
    score = scorer.score(matrix(test, scorer.inputs))
    write_sample(artifact, scorer, test, score)
    sample = pd.read_parquet(artifact / "sample.parquet")
    assert len(sample) == SAMPLE_ROWS
    assert list(sample.columns) == [*scorer.inputs, SCORE]
    assert (sample[SCORE].min(), sample[SCORE].max()) == (score.min(), score.max())
    np.testing.assert_array_equal(scorer.score(matrix(sample, scorer.inputs)), sample[SCORE])


@pytest.mark.parametrize("count", [40, REFERENCE_ROWS + 2_000])
def test_the_reference_spreads_over_all_of_the_training(artifact: Path, count: int) -> None:
    scorer = Scorer.load(artifact)
    trained = rows(count).assign(extra=1)
    trained["amount"] = np.arange(count, dtype=float)
    write_reference(artifact, scorer, trained)
    reference = pd.read_parquet(artifact / "reference.parquet")
    assert len(reference) == min(count, REFERENCE_ROWS)
    assert list(reference.columns) == [*scorer.inputs, SCORE]
    assert (reference["amount"].min(), reference["amount"].max()) == (0, count - 1)
    assert reference["amount"].is_unique
    assert reference["speed_kmh"].isna().any()


def test_the_picture_is_the_same_twice(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    label = draw.random(400) < 0.1
    measured = scored(label, np.clip(label * 0.4 + draw.random(400) * 0.5, 0, 1))
    for name in ("a.png", "b.png"):
        draw_evaluation(measured, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
