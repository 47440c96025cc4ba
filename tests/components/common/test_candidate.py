"""A judged artifact becomes a candidate, compared with whoever is champion then."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.candidate import Origin, register_candidate
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN
from components.fraud import XGBOOST
from components.fraud.boosting_training import train_candidate
from components.fraud.features import MODEL_INPUT

ORIGIN = Origin("kim", "data", "code")


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training frame in which amount and hour tell what is fraud, nearly."""
    folder = tmp_path_factory.mktemp("frame")
    draw, count = np.random.default_rng(2), 3_000
    rows = pd.DataFrame(draw.normal(size=(count, len(MODEL_INPUT))), columns=list(MODEL_INPUT))
    began = datetime(2025, 1, 1, tzinfo=UTC)
    rows["event_timestamp"] = [began + timedelta(minutes=20 * n) for n in range(count)]
    rows["transaction_id"] = [f"t{n}" for n in range(count)]
    rows["user_id"] = [f"u{n}" for n in draw.integers(0, 90, count)]
    rows[XGBOOST.label] = rows["amount"] + rows["hour"] + draw.normal(size=count) / 4 > 2.6
    rows[SPLIT] = np.repeat([TRAIN, CALIBRATION, TEST], count // 3)
    rows.to_parquet(folder / "frame.parquet")
    (folder / "windows.json").write_text(json.dumps({"cut_off": "2025-03-01T00:00:00+00:00"}))
    return folder


@pytest.fixture(scope="module")
def artifacts(frame: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("artifacts")
    configs = {"good": '{"rounds": 30}', "poor": '{"rounds": 2, "max_depth": 1}'}
    for name, config in configs.items():
        train_candidate(frame, folder / name, config)
    return {name: folder / name for name in configs}


def register(settings: Settings, frame: Path, artifact: Path, card: Path) -> str:
    return register_candidate(settings, XGBOOST.name, frame, artifact, card, ORIGIN)


def test_the_first_one_has_nobody_to_compare_with(
    mlflow_settings: Settings, frame: Path, artifacts: dict[str, Path], tmp_path: Path
) -> None:
    before = sorted(path.name for path in artifacts["good"].iterdir())
    version = register(mlflow_settings, frame, artifacts["good"], tmp_path / "card")
    files = Registry(mlflow_settings).download(XGBOOST.candidate, version, tmp_path / "files")
    assert json.loads((files / "metrics.json").read_text())["comparison"] == {}
    assert (tmp_path / "card").read_bytes() == (files / "model_card.md").read_bytes()
    assert "Is this payment the customer's own?" in (files / "model_card.md").read_text()
    assert sorted(path.name for path in artifacts["good"].iterdir()) == before


def test_a_poorer_one_is_worse_than_the_champion(
    mlflow_settings: Settings, frame: Path, artifacts: dict[str, Path], tmp_path: Path
) -> None:
    registry = Registry(mlflow_settings)
    crown(registry, register(mlflow_settings, frame, artifacts["good"], tmp_path / "card"))
    version = register(mlflow_settings, frame, artifacts["poor"], tmp_path / "card")
    files = registry.download(XGBOOST.candidate, version, tmp_path / "files")
    comparison = json.loads((files / "metrics.json").read_text())["comparison"]
    assert comparison["champion"] == "1"
    assert comparison["differences"]["average_precision"]["high"] < 0
    assert "Candidate minus version 1" in (tmp_path / "card").read_text()


def test_a_champion_that_reads_other_inputs_is_named_and_not_compared(
    mlflow_settings: Settings, frame: Path, artifacts: dict[str, Path], tmp_path: Path
) -> None:
    registry = Registry(mlflow_settings)
    crown(registry, register(mlflow_settings, frame, artifacts["good"], tmp_path / "card"))
    narrow = tmp_path / "narrow"
    narrow.mkdir()
    rows = pd.read_parquet(frame / "frame.parquet").rename(columns={"amount": "sum"})
    rows.to_parquet(narrow / "frame.parquet")
    (narrow / "windows.json").write_text("{}")
    version = register(mlflow_settings, narrow, artifacts["poor"], tmp_path / "card")
    files = registry.download(XGBOOST.candidate, version, tmp_path / "files")
    comparison = json.loads((files / "metrics.json").read_text())["comparison"]
    assert comparison == {
        "champion": "1",
        "reason": "The frame lacks these model inputs: amount.",
    }


def crown(registry: Registry, version: str) -> None:
    candidate = registry.version(XGBOOST.candidate, version)
    assert candidate is not None
    registry.set_champion(XGBOOST.name, registry.promote(XGBOOST, candidate).version)
