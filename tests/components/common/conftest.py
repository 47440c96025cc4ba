"""An embedded MLflow store and a small artifact, real and quick to make."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from components.common.domain import ModelSpec
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.settings import Settings
from components.common.verdict import Verdict
from components.fraud import XGBOOST

INPUTS = ["amount", "night"]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with an empty MLflow store, made once: its migrations take seconds."""
    home = tmp_path_factory.mktemp("mlflow-template")
    _ = Registry(Settings(home=home)).client
    return home


@pytest.fixture
def mlflow_settings(empty_store: Path, tmp_path: Path) -> Settings:
    """Settings whose embedded MLflow store is there and empty."""
    home = tmp_path / "home"
    shutil.copytree(empty_store, home)
    return Settings(home=home)


@pytest.fixture
def registry(mlflow_settings: Settings) -> Registry:
    return Registry(mlflow_settings)


@pytest.fixture
def spec() -> ModelSpec:
    return XGBOOST


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """An artifact folder with every kind of file: probability = sigmoid(amount + night)."""
    return write_artifact(tmp_path / "artifact")


@pytest.fixture
def facts() -> Callable[..., RunFacts]:
    """Facts of a run; `ok=False` for one whose gate failed."""

    def make(*, ok: bool = True, **changes: object) -> RunFacts:
        verdict = Verdict(ok, () if ok else ("roc_auc 0.61 is below 0.80.",), {"roc_auc": 0.91})
        values: dict[str, object] = {
            "params": {"depth": 6, "rounds": 300},
            "metrics": {"roc_auc": 0.91, "roc_auc_low": 0.89, "odd": float("nan")},
            "verdict": verdict,
            "data_digest": "d" * 64,
            "code_digest": "c" * 64,
        }
        return RunFacts(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def candidate(
    registry: Registry, spec: ModelSpec, artifact: Path, facts: Callable[..., RunFacts]
) -> ModelVersion:
    """A candidate whose gate passed, trained by mina."""
    return registry.register_candidate(spec, artifact, run=facts(), actor="mina")


def write_artifact(folder: Path, *, weight: float = 1.0) -> Path:
    folder.mkdir(parents=True)
    onnx.save_model(_graph(weight), str(folder / "model.onnx"))
    (folder / "inputs.json").write_text(json.dumps(INPUTS))
    (folder / "verdict.json").write_text('{"ok": true}')
    (folder / "model_card.md").write_text("# Card\n\n![Calibration](calibration.png)\n\nWords.\n")
    (folder / "calibration.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    rows = pd.DataFrame({"amount": [0.5, -1.0], "night": [0.0, 1.0]})
    scores = 1 / (1 + np.exp(-weight * rows.sum(axis=1)))
    rows.assign(score=scores).to_parquet(folder / "sample.parquet")
    return folder


def _graph(weight: float) -> onnx.ModelProto:
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [2], [weight, weight])
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["probability"]),
    ]
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 2])
    probability = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(nodes, "tiny", [features], [probability], [weights])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="test"
    )
