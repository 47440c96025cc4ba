"""A candidate is registered whole, sealed, and shown where people look."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from components.common.domain import ModelSpec
from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.sealing import seal
from components.common.settings import Settings

Facts = Callable[..., RunFacts]


def test_a_candidate_carries_every_file_byte_for_byte(
    registry: Registry, candidate: ModelVersion, artifact: Path, tmp_path: Path
) -> None:
    downloaded = registry.download(candidate.model, candidate.version, tmp_path / "down")
    found, original = seal(downloaded), seal(artifact)
    assert {name: found.files.get(name) for name in original.files} == original.files
    assert candidate.digest == found.digest
    assert candidate.tags["author"] == "mina"
    assert candidate.tags["gate"] == "passed"


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


def test_the_registry_page_shows_the_card_with_pictures_that_the_server_has(
    registry: Registry, candidate: ModelVersion
) -> None:
    page = registry.client.get_model_version(candidate.model, candidate.version).description
    assert page is not None
    assert "Words." in page
    shown = (
        f"![Calibration](get-artifact?run_uuid={candidate.run_id}&path=evaluation/calibration.png)"
    )
    assert shown in page


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


def test_a_long_card_is_cut_at_a_line_and_says_where_the_rest_is(
    registry: Registry, spec: ModelSpec, artifact: Path, facts: Facts
) -> None:
    (artifact / "model_card.md").write_text("A line of forty characters, more or so.\n" * 300)
    made = registry.register_candidate(spec, artifact, run=facts(), actor="mina")
    page = registry.client.get_model_version(made.model, made.version).description
    assert page is not None
    assert len(page) <= 5000
    assert page.endswith("so.\n\n(The rest is in model_card.md among the files of this version.)")


def test_the_production_model_is_there_to_be_chosen_in_the_ui(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    known = {model.name for model in registry.client.search_registered_models()}
    assert known == {candidate.model, spec.name}


def test_a_run_that_cannot_be_registered_is_marked_as_failed(
    registry: Registry, spec: ModelSpec, artifact: Path, facts: Facts
) -> None:
    (artifact / "sample.parquet").write_bytes(b"truncated")
    with pytest.raises(Exception, match=r"Parquet|parquet"):
        registry.register_candidate(spec, artifact, run=facts(), actor="mina")
    experiment = registry.client.get_experiment_by_name(spec.name)
    assert experiment is not None
    (run,) = registry.client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert registry.candidates(spec) == ()
