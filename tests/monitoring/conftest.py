"""A ledger with rows as the service writes them, and a real registry with small candidates."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from components.common.ledger import Ledger, canonical_json, open_ledger
from components.common.records import Decision, Outcome, Shadow
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.settings import TELEMETRY_OFF, Settings
from components.common.verdict import Verdict
from components.fraud import XGBOOST
from tests.postgres_server import PostgresServer

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
MODEL = "fraud-xgboost"


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TELEMETRY_OFF.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    opened = Ledger(settings.ledger)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgres"])
def either_ledger(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Ledger]:
    """A ledger in either database, for what asks it in SQL of its own."""
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        server.empty()
        settings = settings.model_copy(update={"ledger_url": server.address()})
    opened = open_ledger(settings)
    yield opened
    opened.close()


@pytest.fixture
def decided() -> Callable[..., Decision]:
    """A decision of the champion, version 1, with what is to be different."""

    def make(number: int, **changes: Any) -> Decision:
        features = changes.pop("features", {"amount": 100.0})
        request = {"transaction_id": f"t{number}", "amount": changes.pop("amount", 100.0)}
        base = Decision(
            decision_id=f"d{number}",
            domain="fraud",
            subject_id=f"t{number}",
            entity_id=f"u{number % 50}",
            event_timestamp=NOW,
            recorded_at=NOW,
            model=MODEL,
            version="1",
            digest="d" * 64,
            arm="champion",
            score=0.01,
            decision="APPROVE",
            latency_ms=5.0,
            error=None,
            request=canonical_json(request),
            features=json.dumps({"inputs": features}),
            answer="{}",
        )
        return replace(base, **changes)

    return make


@pytest.fixture
def shadowed() -> Callable[..., Shadow]:
    """A shadow score of version 2 on the decision of the same number."""

    def make(number: int, **changes: Any) -> Shadow:
        base = Shadow(f"d{number}", MODEL, "2", 0.01, "APPROVE", 4.0, None, NOW)
        return replace(base, **changes)

    return make


@pytest.fixture
def became_known() -> Callable[..., Outcome]:
    """An outcome of the decision of the same number, known now."""

    def make(number: int, label: bool, known_at: datetime = NOW) -> Outcome:
        return Outcome("fraud", f"t{number}", label, known_at, "chargeback", known_at)

    return make


@pytest.fixture(scope="session")
def _empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an empty MLflow store, made once: its migrations take seconds."""
    home = tmp_path_factory.mktemp("mlflow-template")
    _ = Registry(Settings(home=home)).client
    return home


@pytest.fixture
def registry(_empty_store: Path, settings: Settings) -> Registry:
    """A real MLflow store on SQLite, empty."""
    shutil.copytree(_empty_store, settings.home, dirs_exist_ok=True)
    return Registry(settings)


@pytest.fixture
def trained(registry: Registry, tmp_path: Path) -> Callable[..., ModelVersion]:
    """Register a candidate with a model of its own; `ok=False` for one whose gate failed."""
    made = 0

    def make(ok: bool = True) -> ModelVersion:
        nonlocal made
        made += 1
        folder = _write_artifact(tmp_path / f"artifact-{made}", weight=float(made))
        verdict = Verdict(ok, () if ok else ("roc_auc 0.61 is below 0.80.",))
        facts = RunFacts({}, {"roc_auc": 0.9}, verdict, data_digest="d", code_digest="c")
        return registry.register_candidate(XGBOOST, folder, run=facts, actor="mina")

    return make


def _write_artifact(folder: Path, weight: float) -> Path:
    folder.mkdir(parents=True)
    onnx.save_model(_graph(weight), str(folder / "model.onnx"))
    (folder / "inputs.json").write_text(json.dumps(["amount", "night"]))
    amount = np.random.default_rng(1).lognormal(4, 0.5, 1_000)
    rows = pd.DataFrame({"amount": amount, "night": (amount > 60).astype(float)})
    rows.head().assign(score=0.5).to_parquet(folder / "sample.parquet")
    rows.assign(score=np.clip(amount / 1_000, 0, 1)).to_parquet(folder / "reference.parquet")
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
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="test")
