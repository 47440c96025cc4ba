"""`finloop models` and `finloop approve`, as a person and as a program see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from components.common.approval import record_promotions
from components.common.commands import mount
from components.common.domain import ModelSpec
from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.registration import RunFacts
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.stages import Stage

Facts = Callable[..., RunFacts]


@pytest.fixture
def finloop(mlflow_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command against the embedded store; its standard output."""
    monkeypatch.setenv("FINLOOP_HOME", str(mlflow_settings.home))
    monkeypatch.setenv("COLUMNS", "160")
    app = typer.Typer()
    mount(app)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None:
            raise result.exception
        return result.stdout

    return run


@pytest.fixture
def lived(
    mlflow_settings: Settings,
    registry: Registry,
    spec: ModelSpec,
    artifact: Path,
    facts: Facts,
    finloop: Callable[..., str],
) -> Callable[..., str]:
    """A champion that jun approved, a challenger from the UI, a failed candidate, a fresh one."""
    for ok in (True, True, False, True):
        registry.register_candidate(spec, artifact, run=facts(ok=ok), actor="mina")
    finloop("approve", spec.name, "1", "--by", "jun")
    registry.promote(spec, registry.candidates(spec)[1])
    with closing(Ledger(mlflow_settings.ledger)) as ledger:
        record_promotions(registry, ledger, spec)
    registry.set_champion(spec.name, "1")
    registry.set_stage(spec.name, "1", Stage.CHAMPION, [])
    registry.set_challenger(spec.name, "2")
    registry.set_stage(spec.name, "2", Stage.CANARY_25, ["Scores agree."])
    return finloop


def _fraud(output: str) -> dict[str, Any]:
    return next(model for model in json.loads(output) if model["model"] == "fraud-xgboost")


def test_an_approval_is_printed_for_programs(
    registry: Registry, spec: ModelSpec, artifact: Path, facts: Facts, finloop: Callable[..., str]
) -> None:
    registry.register_candidate(spec, artifact, run=facts(), actor="mina")
    assert json.loads(finloop("approve", spec.name, "1", "--by", " jun ", "--json")) == {
        "model": "fraud-xgboost",
        "version": "1",
        "candidate": "1",
        "approver": "jun",
        "stage": "waiting",
    }


def test_an_unknown_model_is_one_sentence(finloop: Callable[..., str]) -> None:
    with pytest.raises(FinloopError, match="There is no model named 'fraud'") as error:
        finloop("approve", "fraud", "1", "--by", "jun")
    assert error.value.code == "unknown_model"


def test_an_approval_without_a_name_is_a_usage_error(finloop: Callable[..., str]) -> None:
    with pytest.raises(SystemExit) as ended:
        finloop("approve", "fraud-xgboost", "1")
    assert ended.value.code == 2


def test_production_versions_show_stage_share_alias_and_approver(
    lived: Callable[..., str],
) -> None:
    model = _fraud(lived("models", "--json"))
    assert (model["champion"], model["challenger"]) == ("1", "2")
    shown = [
        (v["version"], v["stage"], v["share"], v["aliases"], v["approver"], v["candidate"])
        for v in model["versions"]
    ]
    assert shown == [
        ("2", "canary-25", 0.25, ["challenger"], "mlflow-ui", "2"),
        ("1", "champion", 0.75, ["champion"], "jun", "1"),
    ]
    assert model["versions"][0]["reasons"] == ["Scores agree."]


def test_candidates_show_the_verdict_of_the_ledger(
    registry: Registry, spec: ModelSpec, lived: Callable[..., str]
) -> None:
    registry.client.set_model_version_tag(spec.candidate, "3", "gate", "passed")
    candidates = _fraud(lived("models", "--json"))["candidates"]
    shown = [(c["version"], c["gate"], c["author"], c["approved_as"]) for c in candidates]
    assert shown == [
        ("4", "passed", "mina", None),
        ("3", "failed", "mina", None),
        ("2", "passed", "mina", "2"),
        ("1", "passed", "mina", "1"),
    ]
    assert candidates[1]["reasons"] == ["roc_auc 0.61 is below 0.80."]


def test_a_person_sees_the_same_in_tables(lived: Callable[..., str]) -> None:
    output = lived("models")
    for cell in ("canary-25", "25%", "75%", "challenger", "mlflow-ui", "jun", "failed"):
        assert cell in output


def test_before_anything_is_registered_it_says_what_to_do(finloop: Callable[..., str]) -> None:
    assert "`finloop run fraud-xgboost` trains one" in finloop("models")
    assert _fraud(finloop("models", "--json"))["versions"] == []
