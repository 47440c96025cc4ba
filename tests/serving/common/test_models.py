"""Models are swapped whole, off the hot path, and only for files that are what they claim."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.common.errors import FinloopError
from components.common.sealing import seal
from serving.common.manifest import FILE, Deployment, Manifest, Release, write_manifest
from serving.common.models import Fleet, Model, Models, load

NAME = "fraud-xgboost"


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged, whatever another test did to our logger."""
    logger = logging.getLogger("finloop")
    before, logger.propagate = logger.propagate, True
    yield caplog
    logger.propagate = before


def serve(folder: Path, generation: int, deployment: Deployment) -> None:
    write_manifest(folder, Manifest(generation, {NAME: deployment}))


def test_nothing_serves_before_a_manifest(tmp_path: Path) -> None:
    models = Models(tmp_path)
    assert not models.refresh()
    assert not models.ready
    assert models.fleet(NAME) == Fleet()


def test_a_manifest_without_versions_is_ready_all_the_same(tmp_path: Path) -> None:
    models = Models(tmp_path)
    serve(tmp_path, 1, Deployment())
    assert models.refresh()
    assert models.ready
    assert models.fleet(NAME).arms("user") == []


def test_a_changed_manifest_swaps_the_fleet(tmp_path: Path, releases: dict[str, Release]) -> None:
    models = Models(tmp_path)
    serve(tmp_path, 1, Deployment(champion=releases["1"]))
    assert models.refresh()
    before = models.fleet(NAME).champion
    assert before is not None
    assert not models.refresh(), "nothing has changed"
    serve(tmp_path, 2, Deployment(releases["2"], releases["1"], "canary-25", 0.25, "salt"))
    assert models.refresh()
    fleet = models.fleet(NAME)
    assert (fleet.stage, fleet.share, fleet.salt) == ("canary-25", 0.25, "salt")
    assert fleet.champion is not None
    assert fleet.champion.release == releases["2"]
    assert fleet.challenger is not None
    assert fleet.challenger.scorer is before.scorer, "loaded once"
    assert models.current.generation == 2


def test_a_new_version_is_prepared_before_it_answers(
    tmp_path: Path, releases: dict[str, Release]
) -> None:
    seen: list[tuple[str, Fleet]] = []

    def prepare(model: Model) -> None:
        seen.append((model.release.version, models.fleet(NAME)))

    models = Models(tmp_path, prepare)
    serve(tmp_path, 1, Deployment(champion=releases["1"]))
    models.refresh()
    serve(tmp_path, 2, Deployment(champion=releases["1"], challenger=releases["2"]))
    models.refresh()
    assert [version for version, _ in seen] == ["1", "2"]
    assert seen[0][1].champion is None
    assert seen[1][1].challenger is None


def test_changed_files_do_not_serve_and_the_other_arm_goes_on(
    tmp_path: Path, releases: dict[str, Release], said: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(releases["2"].path, tmp_path / "copy")
    (tmp_path / "copy" / "policy.json").write_text('{"approve_below": 0.9, "decline_from": 1}')
    changed = replace(releases["2"], path=str(tmp_path / "copy"))
    models = Models(tmp_path)
    serve(tmp_path, 1, Deployment(champion=releases["1"], challenger=changed, share=0.5))
    assert models.refresh()
    assert models.fleet(NAME).champion is not None
    assert models.fleet(NAME).challenger is None
    assert "2 does not serve" in said.text
    assert "not those that were evaluated" in said.text


def test_a_folder_that_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(FinloopError, match="cannot be loaded"):
        load(NAME, Release("1", seal(tmp_path).digest, str(tmp_path), None))


def test_a_broken_manifest_changes_nothing(tmp_path: Path, releases: dict[str, Release]) -> None:
    models = Models(tmp_path)
    serve(tmp_path, 1, Deployment(champion=releases["1"]))
    models.refresh()
    before = models.current
    (tmp_path / FILE).write_text("{")
    with pytest.raises(FinloopError, match="cannot be read"):
        models.refresh()
    assert models.current is before
    serve(tmp_path, 2, Deployment(champion=releases["2"]))
    assert models.refresh(), "and it recovers"


def test_a_lost_manifest_changes_nothing(tmp_path: Path, releases: dict[str, Release]) -> None:
    models = Models(tmp_path)
    serve(tmp_path, 1, Deployment(champion=releases["1"]))
    models.refresh()
    (tmp_path / FILE).unlink()
    assert not models.refresh()
    assert models.fleet(NAME).champion is not None


def test_a_challenger_in_shadow_answers_nobody(releases: dict[str, Release]) -> None:
    challenger = load(NAME, releases["2"])
    fleet = Fleet(challenger=challenger, stage="shadow", share=0.0, salt="s")
    assert fleet.arms("user") == []
    assert fleet.shadow is challenger


def test_a_challenger_in_canary_scores_nothing_in_shadow(releases: dict[str, Release]) -> None:
    fleet = Fleet(challenger=load(NAME, releases["2"]), stage="canary-5", share=1.0, salt="s")
    assert fleet.shadow is None
    assert [arm for arm, _ in fleet.arms("user")] == ["challenger"]
