"""A real MLflow server over the embedded store: one store, two doors, and permissions."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from components.common.approval import UNNAMED, admissible, approve, record_promotions
from components.common.domain import ModelSpec
from components.common.errors import Exit, FinloopError
from components.common.ledger import Ledger
from components.common.mlflow_server import ServerCommand, server_command
from components.common.processes import Supervisor, answers, free_port
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.sealing import seal
from components.common.settings import Settings
from components.common.stages import Stage

Facts = Callable[..., RunFacts]
PASSWORD = "long-enough-for-mlflow"


@pytest.fixture
def server(mlflow_settings: Settings) -> Iterator[ServerCommand]:
    command = server_command(mlflow_settings, free_port(18600))
    with Supervisor() as supervisor:
        process = supervisor.start(
            "MLflow",
            command.argv,
            env=command.environment,
            log=mlflow_settings.logs / "mlflow.log",
            ready=command.health,
        )
        yield command
        family = psutil.Process(process.popen.pid).children(recursive=True)
        assert not [p for p in family if "job" in " ".join(p.cmdline())]
    assert not answers(command.health)
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def _ask(address: str, path: str, body: dict[str, Any] | None = None) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - ours
        f"{address}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - ours
        return response.read()


def test_the_store_has_two_doors_and_the_ui_can_promote(
    server: ServerCommand,
    mlflow_settings: Settings,
    spec: ModelSpec,
    artifact: Path,
    facts: Facts,
    tmp_path: Path,
) -> None:
    direct = Registry(mlflow_settings)
    candidate = direct.register_candidate(spec, artifact, run=facts(), actor="mina")

    remote = Registry(Settings(home=mlflow_settings.home, mlflow_uri=server.address))
    assert remote.candidates(spec) == (candidate,)
    assert (
        "fraud-xgboost"
        in _ask(server.address, "ajax-api/2.0/mlflow/registered-models/search").decode()
    )
    picture = _ask(
        server.address, f"get-artifact?path=evaluation/calibration.png&run_uuid={candidate.run_id}"
    )
    assert picture == (artifact / "calibration.png").read_bytes()

    (card,) = [
        _ask(server.address, f"{page}/artifacts/files?artifact_file_path=model_card.md")
        for page in _model_pages(direct, candidate)
    ]
    assert card == (artifact / "model_card.md").read_bytes()

    promote_button = {  # what the page sends on Promote model
        "name": spec.name,
        "source": f"models:/{spec.candidate}/{candidate.version}",
        "run_id": candidate.run_id,
        "tags": [{"key": key, "value": value} for key, value in candidate.tags.items()],
    }
    _ask(server.address, "ajax-api/2.0/mlflow/model-versions/create", promote_button)
    (promoted,) = direct.versions(spec.name)
    assert (promoted.source, promoted.run_id) == (candidate.version, candidate.run_id)
    assert seal(remote.download(spec.name, "1", tmp_path / "files")).digest == candidate.digest

    with closing(Ledger(mlflow_settings.ledger)) as ledger:
        (event,) = record_promotions(remote, ledger, spec)
        assert event.actor == UNNAMED
        verdict = admissible(spec, "1", remote, ledger)
    assert verdict.ok, verdict.reasons

    second = remote.register_candidate(spec, artifact, run=facts(), actor="mina")
    assert direct.version(spec.candidate, second.version) == second
    approved = approve(spec, second.version, "jun", remote.settings)
    assert direct.versions(spec.name)[1] == approved


def _model_pages(registry: Registry, version: ModelVersion) -> list[str]:
    """Where the UI reads about the models of the run of a version."""
    assert version.run_id is not None
    outputs = registry.client.get_run(version.run_id).outputs
    assert outputs is not None
    models = [output.model_id for output in outputs.model_outputs]
    return [f"ajax-api/2.0/mlflow/logged-models/{model}" for model in models]


def test_with_permissions_training_cannot_reach_production(
    mlflow_settings: Settings,
    spec: ModelSpec,
    artifact: Path,
    facts: Facts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("flask_wtf", reason="MLflow's own passwords need the extra mlflow[auth]")
    command = server_command(mlflow_settings, free_port(18700))
    config = tmp_path / "auth.ini"
    config.write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
        f"database_uri = sqlite:///{tmp_path / 'auth.db'}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 60\n"
    )
    environment = {
        **command.environment,
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a secret of this test",
    }
    settings = Settings(home=mlflow_settings.home, mlflow_uri=command.address)

    def become(name: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)

    with Supervisor() as supervisor:
        supervisor.start(
            "MLflow",
            [*command.argv, "--app-name", "basic-auth"],
            env=environment,
            log=tmp_path / "mlflow.log",
            ready=command.health,
        )
        become("admin")
        _set_up_people(settings, spec)
        become("training")
        registry = Registry(settings)
        candidate = registry.register_candidate(spec, artifact, run=facts(), actor="training")
        with pytest.raises(FinloopError) as error:
            registry.promote(spec, candidate)
        assert error.value.code == "mlflow_forbidden"
        assert error.value.exit_status is Exit.REFUSED
        with pytest.raises(FinloopError, match="does not allow"):
            registry.set_champion(spec.name, "1")
        assert registry.versions(spec.name) == ()

        become("jun")
        approved = approve(spec, candidate.version, "jun", settings)
        assert registry.versions(spec.name) == (approved,)

        become("rollout")
        registry.set_challenger(spec.name, approved.version)
        registry.set_stage(spec.name, approved.version, Stage.SHADOW, ())
        registry.clear_challenger(spec.name)
        assert registry.versions(spec.name)[0].stage is Stage.SHADOW

        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
        with pytest.raises(FinloopError) as unknown:
            registry.versions(spec.name)
        assert unknown.value.code == "mlflow_forbidden"


def _set_up_people(settings: Settings, spec: ModelSpec) -> None:
    """What the runbook says: the administrator makes both models and says who may write where."""
    from mlflow.server import get_app_client

    people = get_app_client("basic-auth", settings.mlflow_uri)
    client = Registry(settings).client
    for name in (spec.name, spec.candidate):
        client.create_registered_model(name)
    for person, model, may in (
        ("training", spec.candidate, "EDIT"),
        ("jun", spec.name, "EDIT"),
        ("rollout", spec.name, "MANAGE"),
    ):
        people.create_user(person, PASSWORD)
        people.grant_user_permission(person, "registered_model", model, may)
