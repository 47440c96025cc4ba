"""Candidates, versions, aliases and files in a real MLflow store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from components.common.domain import ModelSpec
from components.common.errors import Exit, FinloopError
from components.common.ledger import Ledger
from components.common.processes import free_port
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.sealing import seal
from components.common.settings import Settings
from components.common.stages import Stage

Facts = Callable[..., RunFacts]


@pytest.fixture
def candidate(registry: Registry, spec: ModelSpec, artifact: Path, facts: Facts) -> ModelVersion:
    return registry.register_candidate(spec, artifact, run=facts(), actor="mina")


def test_a_candidate_carries_every_file_byte_for_byte(
    registry: Registry, candidate: ModelVersion, artifact: Path, tmp_path: Path
) -> None:
    downloaded = registry.download(candidate.model, candidate.version, tmp_path / "down")
    found, original = seal(downloaded), seal(artifact)
    assert {name: found.files.get(name) for name in original.files} == original.files
    assert candidate.digest == found.digest
    assert candidate.tags["author"] == "mina"
    assert candidate.tags["gate"] == "passed"


def test_mlflow_loads_a_version_and_scores_as_the_sample_says(
    registry: Registry, candidate: ModelVersion, artifact: Path, tmp_path: Path
) -> None:
    import mlflow.pyfunc

    folder = registry.download(candidate.model, candidate.version, tmp_path / "down")
    sample = pd.read_parquet(artifact / "sample.parquet")
    model = mlflow.pyfunc.load_model(str(folder))
    shuffled = model.predict(sample[["night", "amount"]])
    assert shuffled.iloc[:, 0].to_numpy() == pytest.approx(sample["score"].to_numpy(), abs=1e-6)


def test_the_ledger_holds_what_was_evaluated(
    mlflow_settings: Settings, spec: ModelSpec, candidate: ModelVersion
) -> None:
    with closing(Ledger(mlflow_settings.ledger)) as ledger:
        (event,) = ledger.events("candidate", spec.name)
    assert (event.key, event.version, event.actor) == (candidate.version, "1", "mina")
    assert event.body["digest"] == candidate.digest
    assert event.body["verdict"]["ok"] is True
    assert event.body["metrics"] == {"roc_auc": 0.91, "roc_auc_low": 0.89}
    assert event.body["data_digest"] == "d" * 64
    assert event.body["files"]["model.onnx"] == event.body["files"]["model.onnx"].lower()


def test_the_run_and_its_model_show_what_was_trained(
    registry: Registry, candidate: ModelVersion
) -> None:
    assert candidate.run_id is not None
    run = registry.client.get_run(candidate.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"depth": "6", "rounds": "300"}
    assert run.data.metrics["roc_auc"] == 0.91
    shown = {file.path for file in registry.client.list_artifacts(candidate.run_id, "evaluation")}
    assert shown == {"evaluation/calibration.png", "evaluation/model_card.md"}
    assert run.outputs is not None
    (output,) = run.outputs.model_outputs
    assert registry.client.get_logged_model(output.model_id).status == "READY"


def test_the_registry_page_shows_the_card_without_dead_pictures(
    registry: Registry, candidate: ModelVersion
) -> None:
    page = registry.client.get_model_version(candidate.model, candidate.version).description
    assert page is not None
    assert "Words." in page
    assert "calibration.png" not in page


def test_an_artifact_without_a_model_registers_nothing(
    registry: Registry, spec: ModelSpec, artifact: Path, facts: Facts
) -> None:
    (artifact / "model.onnx").unlink()
    with pytest.raises(FinloopError) as error:
        registry.register_candidate(spec, artifact, run=facts(), actor="mina")
    assert error.value.code == "artifact_unreadable"
    assert registry.candidates(spec) == ()


def test_a_candidate_number_that_the_ledger_knows_already_is_refused(
    mlflow_settings: Settings,
    empty_store: Path,
    spec: ModelSpec,
    candidate: ModelVersion,
    artifact: Path,
    facts: Facts,
) -> None:
    store = mlflow_settings.mlflow / "mlflow.db"
    store.write_bytes((empty_store / "mlflow" / "mlflow.db").read_bytes())
    with pytest.raises(FinloopError) as error:
        Registry(mlflow_settings).register_candidate(spec, artifact, run=facts(), actor="mina")
    assert error.value.code == "candidate_recorded"
    assert candidate.version in error.value.message


def test_promoting_copies_run_tags_and_files_and_names_its_source(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion, tmp_path: Path
) -> None:
    promoted = registry.promote(spec, candidate)
    assert (promoted.model, promoted.version, promoted.source) == (spec.name, "1", "1")
    assert promoted.stage is Stage.WAITING
    assert (promoted.run_id, promoted.tags) == (candidate.run_id, candidate.tags)
    copy = registry.download(promoted.model, promoted.version, tmp_path / "copy")
    assert seal(copy).digest == candidate.digest


def test_a_candidate_cannot_bring_a_stage_with_it(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    registry.set_stage(candidate.model, candidate.version, Stage.CHAMPION, ["I say so."])
    (marked,) = registry.candidates(spec)
    assert registry.promote(spec, marked).stage is Stage.WAITING


def test_a_version_from_elsewhere_has_no_source(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    made = registry.client.create_model_version(spec.name, "file:///elsewhere")
    assert registry.version(spec.name, str(made.version)) == registry.versions(spec.name)[0]
    assert registry.versions(spec.name)[0].source is None


def test_stages_and_reasons_are_read_back(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    registry.promote(spec, candidate)
    registry.set_stage(spec.name, "1", Stage.CANARY_5, ["Scores agree.", "오류가 없습니다."])
    (version,) = registry.versions(spec.name)
    assert version.stage is Stage.CANARY_5
    assert version.reasons == ("Scores agree.", "오류가 없습니다.")
    assert version.since is not None
    assert version.since >= version.created_at.replace(microsecond=0)


def test_aliases_name_champion_and_challenger(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    registry.promote(spec, candidate)
    registry.promote(spec, candidate)
    assert registry.champion(spec.name) is None
    registry.set_champion(spec.name, "1")
    registry.set_challenger(spec.name, "2")
    champion, challenger = registry.champion(spec.name), registry.challenger(spec.name)
    assert champion is not None
    assert challenger is not None
    assert (champion.version, challenger.version) == ("1", "2")
    registry.clear_challenger(spec.name)
    assert registry.aliases(spec.name) == {"champion": "1"}


def test_the_salt_lasts_as_long_as_a_rollout(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    for _ in range(3):
        registry.promote(spec, candidate)
    registry.set_champion(spec.name, "1")
    registry.set_challenger(spec.name, "2")
    first = registry.salt(spec.name)
    registry.set_stage(spec.name, "2", Stage.CANARY_25, [])
    assert Registry(registry.settings).salt(spec.name) == first
    registry.set_challenger(spec.name, "3")
    assert registry.salt(spec.name) != first


@pytest.mark.parametrize("name", ["unheard-of", "quote'd", "fraud-xgboost"])
def test_what_does_not_exist_is_empty_and_no_error(registry: Registry, name: str) -> None:
    assert registry.versions(name) == ()
    assert registry.aliases(name) == {}
    assert registry.champion(name) is None
    assert registry.version(name, "1") is None
    assert registry.version(name, "newest") is None


def test_a_server_that_is_down_is_one_sentence(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port(18500)}"
    registry = Registry(Settings(home=tmp_path, mlflow_uri=address))
    with pytest.raises(FinloopError) as error:
        registry.versions("fraud-xgboost")
    assert error.value.code == "mlflow_unavailable"
    assert error.value.exit_status is Exit.UNAVAILABLE
    assert address in error.value.message
    assert "\n" not in error.value.message


def test_two_processes_may_make_the_store_at_once_and_say_nothing(tmp_path: Path) -> None:
    script = (
        "from components.common.settings import load_settings\n"
        "from components.common.registry import Registry\n"
        "print(Registry(load_settings()).versions('fraud-xgboost'))"
    )
    environment = {**os.environ, "FINLOOP_HOME": str(tmp_path / "home")}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in both]
    assert outputs == [(b"()\n", b"")] * 2
    assert [path.name for path in (tmp_path / "home" / "mlflow").iterdir()] == ["mlflow.db"]
