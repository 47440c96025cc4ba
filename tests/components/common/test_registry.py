"""Candidates, versions, aliases and files in a real MLflow store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.common.domain import ModelSpec
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.sealing import seal
from components.common.stages import Stage

Facts = Callable[..., RunFacts]


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
