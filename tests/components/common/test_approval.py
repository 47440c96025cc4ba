"""Nothing reaches production without a named human, a passing gate and the evaluated bytes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from components.common.approval import UNNAMED, admissible, approve, record_promotions
from components.common.domain import ModelSpec
from components.common.errors import Exit, FinloopError
from components.common.ledger import Ledger
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.settings import Settings
from components.common.stages import Stage

Facts = Callable[..., RunFacts]


@pytest.fixture
def ledger(mlflow_settings: Settings) -> Iterator[Ledger]:
    with closing(Ledger(mlflow_settings.ledger)) as opened:
        yield opened


def stored(registry: Registry, version: ModelVersion) -> Path:
    """The folder in which the embedded store keeps the files of a version."""
    uri = registry.client.get_model_version_download_uri(version.model, version.version)
    return Path(url2pathname(urlsplit(uri).path))


def promote_in_ui(registry: Registry, spec: ModelSpec, candidate: ModelVersion) -> ModelVersion:
    return registry.promote(spec, candidate)


def test_an_approval_makes_a_production_version_and_a_ledger_entry(
    mlflow_settings: Settings, spec: ModelSpec, candidate: ModelVersion, ledger: Ledger
) -> None:
    approved = approve(spec, candidate.version, "jun", mlflow_settings)
    assert (approved.model, approved.source, approved.stage) == (spec.name, "1", Stage.WAITING)
    (event,) = ledger.events("approval", spec.name)
    assert (event.key, event.version, event.actor) == (approved.version, approved.version, "jun")
    assert event.body == {"candidate": "1", "digest": candidate.digest, "through": "finloop"}


def test_an_approved_version_is_admissible(
    mlflow_settings: Settings,
    registry: Registry,
    spec: ModelSpec,
    candidate: ModelVersion,
    ledger: Ledger,
) -> None:
    approved = approve(spec, candidate.version, "jun", mlflow_settings)
    verdict = admissible(spec, approved.version, registry, ledger)
    assert verdict.ok, verdict.reasons
    assert verdict.details == {"candidate": "1", "digest": candidate.digest, "differences": []}


@pytest.mark.parametrize(
    ("version", "by", "code", "status"),
    [
        ("1", " ", "no_approver", Exit.BAD_INPUT),
        ("7", "jun", "unknown_version", Exit.BAD_INPUT),
        ("one", "jun", "unknown_version", Exit.BAD_INPUT),
        ("1", "mina", "own_candidate", Exit.REFUSED),
        ("1", " MINA ", "own_candidate", Exit.REFUSED),
    ],
)
def test_an_approval_that_makes_no_sense_is_refused_in_one_sentence(
    mlflow_settings: Settings,
    registry: Registry,
    spec: ModelSpec,
    candidate: ModelVersion,
    version: str,
    by: str,
    code: str,
    status: Exit,
) -> None:
    with pytest.raises(FinloopError) as error:
        approve(spec, version, by, mlflow_settings)
    assert (error.value.code, error.value.exit_status) == (code, status)
    assert "\n" not in error.value.message
    assert registry.versions(spec.name) == ()


def test_a_failed_gate_cannot_be_approved(
    mlflow_settings: Settings, registry: Registry, spec: ModelSpec, artifact: Path, facts: Facts
) -> None:
    registry.register_candidate(spec, artifact, run=facts(ok=False), actor="mina")
    with pytest.raises(FinloopError, match=r"roc_auc 0\.61 is below 0\.80") as error:
        approve(spec, "1", "jun", mlflow_settings)
    assert error.value.code == "gate_failed"
    assert registry.versions(spec.name) == ()


def test_tags_that_say_otherwise_change_nothing(
    mlflow_settings: Settings, registry: Registry, spec: ModelSpec, artifact: Path, facts: Facts
) -> None:
    registry.register_candidate(spec, artifact, run=facts(ok=False), actor="mina")
    for tag, value in (("gate", "passed"), ("author", "nobody")):
        registry.client.set_model_version_tag(spec.candidate, "1", tag, value)
    with pytest.raises(FinloopError) as gate:
        approve(spec, "1", "jun", mlflow_settings)
    assert gate.value.code == "gate_failed"
    registry.register_candidate(spec, artifact, run=facts(), actor="mina")
    registry.client.set_model_version_tag(spec.candidate, "2", "author", "nobody")
    with pytest.raises(FinloopError) as own:
        approve(spec, "2", "mina", mlflow_settings)
    assert own.value.code == "own_candidate"


def test_a_candidate_is_approved_once(
    mlflow_settings: Settings,
    registry: Registry,
    spec: ModelSpec,
    candidate: ModelVersion,
    ledger: Ledger,
) -> None:
    approve(spec, candidate.version, "jun", mlflow_settings)
    with pytest.raises(FinloopError, match="approved already, as version 1") as error:
        approve(spec, candidate.version, "hana", mlflow_settings)
    assert error.value.code == "already_approved"
    assert len(registry.versions(spec.name)) == len(ledger.events("approval")) == 1


def test_two_approvers_at_the_same_moment_make_one_version(
    mlflow_settings: Settings, registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from components.common.approval import approve\n"
        "from components.common.errors import FinloopError\n"
        "from components.common.settings import Settings\n"
        "from components.fraud import XGBOOST\n"
        "try: approve(XGBOOST, '1', sys.argv[2], Settings(home=Path(sys.argv[1])))\n"
        "except FinloopError as error: print(error.code)\n"
    )
    home = str(mlflow_settings.home)
    both = [
        subprocess.Popen([sys.executable, "-c", script, home, by], stdout=subprocess.PIPE)
        for by in ("jun", "hana")
    ]
    outputs = sorted(process.communicate()[0] for process in both)
    assert outputs == [b"", b"already_approved\n"]
    assert len(registry.versions(spec.name)) == 1


def test_a_candidate_that_no_pipeline_registered_is_refused(
    mlflow_settings: Settings, registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    copy = stored(registry, candidate).as_uri()
    registry.client.create_model_version(spec.candidate, source=copy, tags=candidate.tags)
    with pytest.raises(FinloopError) as error:
        approve(spec, "2", "jun", mlflow_settings)
    assert error.value.code == "not_evaluated"


def test_a_candidate_whose_files_were_changed_is_refused(
    mlflow_settings: Settings, registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    (stored(registry, candidate) / "model.onnx").write_bytes(b"another model")
    with pytest.raises(FinloopError, match=r"model\.onnx was changed") as error:
        approve(spec, candidate.version, "jun", mlflow_settings)
    assert error.value.code == "files_changed"
    assert registry.versions(spec.name) == ()


def test_an_approval_that_cannot_be_entered_leaves_no_version(
    mlflow_settings: Settings, registry: Registry, spec: ModelSpec, candidate: ModelVersion
) -> None:
    with closing(sqlite3.connect(mlflow_settings.ledger)) as damaged:
        damaged.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT no_such_function(); END"
        )
    with pytest.raises(FinloopError) as error:
        approve(spec, candidate.version, "jun", mlflow_settings)
    assert error.value.code == "ledger_unavailable"
    assert registry.versions(spec.name) == ()


def test_a_promotion_in_the_ui_is_entered_once_with_what_mlflow_knows(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion, ledger: Ledger
) -> None:
    promoted = promote_in_ui(registry, spec, candidate)
    (event,) = record_promotions(registry, ledger, spec)
    assert (event.version, event.actor) == (promoted.version, UNNAMED)
    assert event.body == {"candidate": "1", "digest": candidate.digest, "through": "mlflow"}
    assert record_promotions(registry, ledger, spec) == ()
    assert [e.actor for e in ledger.events("approval")] == [UNNAMED]


def test_a_named_approval_is_not_entered_again_as_unnamed(
    mlflow_settings: Settings,
    registry: Registry,
    spec: ModelSpec,
    candidate: ModelVersion,
    ledger: Ledger,
) -> None:
    approve(spec, candidate.version, "jun", mlflow_settings)
    assert record_promotions(registry, ledger, spec) == ()
    assert [event.actor for event in ledger.events("approval")] == ["jun"]


def test_a_stage_that_came_with_the_tags_of_a_candidate_is_taken_back(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion, ledger: Ledger
) -> None:
    registry.client.create_model_version(
        spec.name,
        source=f"models:/{spec.candidate}/1",
        tags={**candidate.tags, "rollout": "champion"},
    )
    assert registry.versions(spec.name)[0].stage is Stage.CHAMPION
    record_promotions(registry, ledger, spec)
    assert registry.versions(spec.name)[0].stage is Stage.WAITING


def test_what_is_not_a_passing_candidate_is_not_admissible(
    registry: Registry,
    spec: ModelSpec,
    candidate: ModelVersion,
    artifact: Path,
    facts: Facts,
    ledger: Ledger,
) -> None:
    folder = stored(registry, candidate).as_uri()
    failed = registry.register_candidate(spec, artifact, run=facts(ok=False), actor="mina")
    stranger = registry.client.create_model_version(spec.candidate, source=folder)
    registry.client.create_model_version(spec.name, source=folder, tags=candidate.tags)
    for version in (failed.version, str(stranger.version)):
        registry.client.create_model_version(spec.name, f"models:/{spec.candidate}/{version}")
    why = {
        version: admissible(spec, version, registry, ledger).reasons
        for version in ("1", "2", "3", "9")
    }
    assert why == {
        "1": ("It is not a copy of a version of fraud-xgboost-candidate.",),
        "2": ("The gate of candidate 2 failed: roc_auc 0.61 is below 0.80.",),
        "3": ("Candidate 3 was never evaluated.",),
        "9": ("There is no version 9 of fraud-xgboost.",),
    }


def test_a_second_copy_of_a_candidate_is_not_admissible(
    registry: Registry, spec: ModelSpec, candidate: ModelVersion, ledger: Ledger
) -> None:
    for _ in range(2):
        promote_in_ui(registry, spec, candidate)
    assert admissible(spec, "1", registry, ledger).ok
    verdict = admissible(spec, "2", registry, ledger)
    assert verdict.reasons == ("Candidate 1 was approved already, as version 1.",)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("model.onnx", b"changed", "model.onnx was changed."),
        ("verdict.json", None, "verdict.json is missing."),
        ("sitecustomize.py", b"evil = 1", "sitecustomize.py was added."),
    ],
)
def test_a_file_changed_after_approval_is_not_admissible(
    mlflow_settings: Settings,
    registry: Registry,
    spec: ModelSpec,
    candidate: ModelVersion,
    ledger: Ledger,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    reason: str,
) -> None:
    approved = approve(spec, candidate.version, "jun", mlflow_settings)
    before = registry.download(approved.model, approved.version, tmp_path / "before")
    file = stored(registry, approved) / name
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert admissible(spec, approved.version, registry, ledger).reasons == (reason,)
    assert admissible(spec, approved.version, registry, ledger, files=before).ok


def test_lost_files_are_not_admissible(
    mlflow_settings: Settings,
    registry: Registry,
    spec: ModelSpec,
    candidate: ModelVersion,
    ledger: Ledger,
) -> None:
    approved = approve(spec, candidate.version, "jun", mlflow_settings)
    stored(registry, approved).rename(mlflow_settings.home / "elsewhere")
    verdict = admissible(spec, approved.version, registry, ledger)
    assert not verdict.ok
    assert "are gone" in verdict.reasons[0]
    assert json.dumps(verdict.as_json())
