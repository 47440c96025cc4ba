"""What the registry says is served, if it is what was evaluated and approved; nothing else is."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.approval import approve
from components.common.artifact import Scorer, matrix
from components.common.domain import ModelSpec
from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.records import Decision, Event
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.settings import Settings
from components.common.stages import Stage
from components.common.verdict import Verdict
from components.fraud import XGBOOST
from serving.common.library import Library
from serving.common.manifest import Deployment, Manifest, read_manifest
from serving.common.models import load
from serving.common.proving import unproven
from serving.common.replay import replay
from serving.common.sync import Sync


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an empty MLflow store, made once: its migrations take seconds."""
    home = tmp_path_factory.mktemp("mlflow-template")
    _ = Registry(Settings(home=home)).client
    return home


def with_sample(artifact: Path, into: Path, shift: float = 0.0) -> Path:
    """A copy of an artifact with a sealed sample; `shift` is added to its scores."""
    shutil.copytree(artifact, into)
    scorer = Scorer.load(artifact)
    draw = np.random.default_rng(4)
    rows = pd.DataFrame(draw.normal(size=(50, len(scorer.inputs))), columns=list(scorer.inputs))
    rows["amount"] = draw.uniform(0, 100_000, 50)
    rows.iloc[::3, 2] = np.nan
    rows.assign(score=scorer.score(matrix(rows, scorer.inputs)) + shift).to_parquet(
        into / "sample.parquet"
    )
    return into


@dataclass
class Plant:
    """A registry with versions, and the sync of one host beside it."""

    settings: Settings
    registry: Registry
    artifacts: dict[str, Path]
    sync: Sync
    spec: ModelSpec = XGBOOST

    def version(self, artifact: str, *, ok: bool = True) -> ModelVersion:
        """Train, register and approve a version, like a pipeline and a person would."""
        candidate = self.candidate(artifact, ok=ok)
        return approve(self.spec, candidate.version, "jia", self.settings)

    def candidate(self, artifact: str, *, ok: bool = True) -> ModelVersion:
        verdict = Verdict(ok, () if ok else ("roc_auc is too low.",))
        facts = RunFacts({}, {"roc_auc": 0.9}, verdict, "data", "code")
        folder = self.artifacts[artifact]
        return self.registry.register_candidate(self.spec, folder, run=facts, actor="mina")

    def put(self, version: ModelVersion, stage: Stage) -> None:
        """Move a version to a stage, as the rollout does."""
        self.registry.set_stage(self.spec.name, version.version, stage, ["test"])
        if stage is Stage.CHAMPION:
            self.registry.set_champion(self.spec.name, version.version)
        else:
            self.registry.set_challenger(self.spec.name, version.version)

    @property
    def manifest(self) -> Manifest:
        found = read_manifest(self.settings.serving)
        assert found is not None
        return found

    @property
    def deployment(self) -> Deployment:
        return self.manifest.models[self.spec.name]

    def refusals(self) -> list[Event]:
        ledger = Ledger(self.settings.ledger)
        try:
            return ledger.events("refusal")
        finally:
            ledger.close()


@pytest.fixture
def plant(mlflow_template: Path, settings: Settings, artifacts: dict[str, Path]) -> Plant:
    shutil.copytree(mlflow_template, settings.home)
    registry = Registry(settings)
    return Plant(settings, registry, artifacts, Sync(settings, [XGBOOST]))


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged, whatever another test did to our logger."""
    logger = logging.getLogger("finloop")
    before, logger.propagate = logger.propagate, True
    yield caplog
    logger.propagate = before


def test_without_a_champion_there_is_an_empty_manifest(plant: Plant) -> None:
    assert plant.sync.step()
    assert plant.manifest == Manifest(1, {XGBOOST.name: Deployment()})
    assert not plant.sync.step(), "and it is written once"


def test_a_rollout_becomes_files_and_a_manifest(plant: Plant) -> None:
    first = plant.version("1")
    plant.sync.step()
    assert plant.deployment == Deployment(), "approved is not yet rolled out"
    plant.put(first, Stage.CHAMPION)
    assert plant.sync.step()
    champion = plant.deployment.champion
    assert champion is not None
    assert (champion.version, champion.candidate) == ("1", first.source)
    assert load(XGBOOST.name, champion).scorer.inputs, "the files are there, and are a model"
    second = plant.version("2")
    seen = []
    for stage in (Stage.SHADOW, Stage.CANARY_5, Stage.CANARY_50):
        plant.put(second, stage)
        assert plant.sync.step()
        seen.append((plant.deployment.stage, plant.deployment.share, plant.deployment.salt))
    assert [(stage, share) for stage, share, _ in seen] == [
        ("shadow", 0.0),
        ("canary-5", 0.05),
        ("canary-50", 0.5),
    ]
    assert len({salt for *_, salt in seen}) == 1, "the arms are drawn once per rollout"
    plant.put(second, Stage.CHAMPION)
    plant.registry.clear_challenger(XGBOOST.name)
    assert plant.sync.step()
    assert plant.deployment.champion is not None
    assert (plant.deployment.champion.version, plant.deployment.challenger) == ("2", None)
    assert plant.manifest.generation == 6
    assert not plant.sync.step()


def test_a_challenger_that_was_rolled_back_is_not_served(plant: Plant) -> None:
    plant.put(plant.version("1"), Stage.CHAMPION)
    bad = plant.version("2")
    plant.put(bad, Stage.CANARY_25)
    plant.sync.step()
    assert plant.deployment.challenger is not None
    plant.registry.set_stage(XGBOOST.name, bad.version, Stage.ROLLED_BACK, ["bad scores"])
    plant.sync.step()
    assert plant.deployment.challenger is None


def test_changed_files_are_refused_once_and_the_champion_goes_on(
    plant: Plant, said: pytest.LogCaptureFixture
) -> None:
    plant.put(plant.version("1"), Stage.CHAMPION)
    plant.sync.step()
    before = plant.deployment
    second = plant.version("2")
    tampered = [
        path
        for path in plant.settings.mlflow.rglob("policy.json")
        if path.read_bytes() and "models" in path.parts
    ]
    for path in tampered:
        path.write_text('{"approve_below": 0.98, "decline_from": 0.99}')
    plant.put(second, Stage.CHAMPION)
    plant.sync.step()
    plant.sync.step()
    assert plant.deployment == before
    (refusal,) = plant.refusals()
    assert (refusal.version, refusal.actor) == (second.version, "sync")
    assert "policy.json was changed" in " ".join(refusal.body["reasons"])
    assert "is refused" in said.text


def test_a_version_that_nobody_evaluated_is_refused(plant: Plant) -> None:
    plant.version("1")
    by_hand = plant.registry.client.create_model_version(XGBOOST.name, str(plant.artifacts["2"]))
    plant.registry.set_challenger(XGBOOST.name, str(by_hand.version))
    plant.registry.set_stage(XGBOOST.name, str(by_hand.version), Stage.CANARY_50, [])
    plant.sync.step()
    assert plant.deployment == Deployment()
    (refusal,) = plant.refusals()
    assert "not a copy" in refusal.body["reasons"][0]


def test_files_on_this_host_that_were_changed_are_fetched_again(plant: Plant) -> None:
    plant.put(plant.version("1"), Stage.CHAMPION)
    plant.sync.step()
    champion = plant.deployment.champion
    assert champion is not None
    (Path(champion.path) / "policy.json").write_text("{}")
    Sync(plant.settings, [XGBOOST]).step()
    assert load(XGBOOST.name, champion).release == champion
    assert plant.refusals() == []


def long_ago(store: Path) -> None:
    """Give the files of the embedded registry the time of a change that was long ago."""
    for path in store.glob("mlflow.db*"):
        os.utime(path, (1e9, 1e9))


def test_a_registry_that_has_not_changed_is_not_asked_again(plant: Plant) -> None:
    plant.put(plant.version("1"), Stage.CHAMPION)
    store = plant.settings.mlflow / "mlflow.db"
    long_ago(store.parent)
    assert plant.sync.step()
    whole = store.read_bytes()
    store.write_bytes(b"no database any more")
    long_ago(store.parent)
    assert not plant.sync.step(), "nothing was asked, or it would have failed"
    store.write_bytes(whole)
    plant.put(plant.version("2"), Stage.CHAMPION)
    assert plant.sync.step(), "what changed just now is asked about"


def test_a_change_of_the_last_seconds_is_asked_about_again(plant: Plant) -> None:
    plant.put(plant.version("1"), Stage.CHAMPION)
    assert plant.registry.stamp is None, "another change may bear the same time"
    long_ago(plant.settings.mlflow)
    assert plant.registry.stamp is not None
    server = plant.settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})
    assert Registry(server).stamp is None, "only asking tells"


def test_with_mlflow_down_everything_stays_as_it_is(
    plant: Plant, said: pytest.LogCaptureFixture
) -> None:
    plant.put(plant.version("1"), Stage.CHAMPION)
    plant.sync.step()
    before = plant.manifest
    down = plant.settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})
    with pytest.raises(FinloopError) as raised:
        Sync(down, [XGBOOST]).step()
    assert raised.value.code == "mlflow_unavailable"
    assert plant.manifest == before


def test_another_registry_is_not_followed(plant: Plant, mlflow_template: Path) -> None:
    plant.put(plant.version("1"), Stage.CHAMPION)
    plant.sync.step()
    before = plant.manifest
    empty = Settings(home=mlflow_template).mlflow_address
    other = plant.settings.model_copy(update={"mlflow_uri": empty})
    with pytest.raises(FinloopError, match="does not know fraud-xgboost"):
        Sync(other, [XGBOOST]).step()
    assert plant.manifest == before


def test_what_ever_answered_can_be_fetched_for_a_replay(
    plant: Plant, decided: Callable[..., Decision]
) -> None:
    version = plant.version("1")
    plant.put(version, Stage.CHAMPION)
    plant.sync.step()
    champion = plant.deployment.champion
    assert champion is not None
    shutil.rmtree(plant.settings.serving / "models")
    found = Library(plant.settings).by_digest(XGBOOST.name, "1", champion.digest)
    assert found.release.digest == champion.digest
    assert Library(plant.settings).by_version(XGBOOST.name, "1").release.digest == champion.digest
    (would_say,) = replay([decided(1)], Library(plant.settings), "1")
    assert (would_say.version, would_say.error) == ("1", None)
    assert "decision" in would_say.changes
    with pytest.raises(FinloopError, match="Neither this host nor the registry"):
        Library(plant.settings).by_digest(XGBOOST.name, "1", "0" * 64)
    with pytest.raises(FinloopError, match="no version '9'"):
        Library(plant.settings).by_version(XGBOOST.name, "9")


def test_a_version_that_scores_as_it_did_is_served(plant: Plant, tmp_path: Path) -> None:
    plant.artifacts = {"1": with_sample(plant.artifacts["1"], tmp_path / "proven")}
    version = plant.version("1")
    plant.put(version, Stage.CHAMPION)
    plant.sync.step()
    assert plant.deployment.champion is not None
    assert plant.refusals() == []


def test_a_version_that_scores_otherwise_here_is_refused(plant: Plant, tmp_path: Path) -> None:
    plant.artifacts = {"1": with_sample(plant.artifacts["1"], tmp_path / "other", shift=1e-3)}
    version = plant.version("1")
    plant.put(version, Stage.CHAMPION)
    plant.sync.step()
    assert plant.deployment.champion is None
    (refusal,) = plant.refusals()
    assert "scores 50 of 50 sampled rows otherwise" in refusal.body["reasons"][0]


def test_a_sample_that_cannot_be_read_is_refused(plant: Plant, tmp_path: Path) -> None:
    folder = with_sample(plant.artifacts["1"], tmp_path / "torn")
    assert unproven(folder) == ()
    (folder / "sample.parquet").write_bytes(b"torn")
    assert "cannot be scored here" in unproven(folder)[0]
    (folder / "sample.parquet").unlink()
    assert unproven(folder) == ()
