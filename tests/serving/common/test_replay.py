"""A replay says whether the bytes are the same, and what another version would change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.common.records import Decision
from components.common.settings import Settings
from serving.common.library import Library
from serving.common.manifest import Deployment, Release
from serving.common.replay import Replayed, replay
from tests.serving.desk import Desk


@pytest.fixture
def library(desk: Desk, releases: dict[str, Release]) -> Library:
    """The library of an installation whose host has both versions."""
    keep = desk.runtime.settings.serving / "models"
    keep.mkdir(parents=True)
    for release in releases.values():
        (keep / release.digest).symlink_to(release.path)
    return Library(desk.runtime.settings)


def decide(desk: Desk, amount: float) -> Decision:
    decision_id = desk.decide(transaction_id=f"t{amount}", amount=amount).json()["decision_id"]
    found = desk.runtime.ledger.decision(decision_id)
    assert found is not None
    return found


def test_a_decision_that_was_tampered_with_is_found_out(desk: Desk, library: Library) -> None:
    honest = decide(desk, 90_000.0)
    facts = json.loads(honest.features)
    facts["inputs"]["amount"] = 100.0
    forged = replace(honest, features=json.dumps(facts))
    found = list(replay([honest, forged], library))
    assert [one.same for one in found] == [True, False]
    assert {"decision", "probability", "risk_level", "reasons"} <= set(found[1].changes)


def test_a_decision_of_a_failed_arm_is_replayed_by_the_arm_that_answered(
    desk: Desk, library: Library, releases: dict[str, Release]
) -> None:
    desk.serve(Deployment(releases["1"], releases["2"], "canary-50", 1.0, "salt"))
    drawn = decide(desk, 90_000.0)
    blamed = replace(drawn, version="9", digest="9" * 64, error="model_failed: OSError")
    (found,) = replay([blamed], library)
    assert (found.same, found.version) == (True, "2")


def test_a_version_that_is_lost_is_said_and_the_others_go_on(desk: Desk, library: Library) -> None:
    honest = decide(desk, 100.0)
    facts = json.loads(honest.features)
    facts["model"]["digest"] = "0" * 64
    lost = replace(honest, features=json.dumps(facts))
    first, second = replay([lost, honest], library)
    assert first.again is None
    assert "Neither this host nor the registry" in str(first.error)
    assert not first.same
    assert second.same


def test_a_decision_without_a_model_is_replayed_without_one(desk: Desk, library: Library) -> None:
    desk.serve(Deployment())
    (found,) = replay([decide(desk, 100.0)], library)
    assert (found.same, found.version) == (True, None)


def test_changes_are_named_field_by_field() -> None:
    found = Replayed("d", "2", '{"a":1,"b":2,"c":3}', '{"a":1,"b":5,"d":4}')
    assert found.changes == {"b": (2, 5), "c": (3, None), "d": (None, 4)}
    assert found.as_json()["changes"]["b"] == {"recorded": 2, "again": 5}


def test_order_of_bytes_counts() -> None:
    found = Replayed("d", "2", '{"a":1,"b":2}', '{"b":2,"a":1}')
    assert not found.same
    assert found.changes == {}


def test_the_library_gives_only_whole_files(
    settings: Settings, releases: dict[str, Release], decided: Callable[..., Decision]
) -> None:
    digest = releases["1"].digest
    broken: Path = settings.serving / "models" / digest
    broken.mkdir(parents=True)
    (broken / "model.onnx").write_bytes(b"half")
    facts = {
        "inputs": {},
        "ages": {},
        "degraded": [],
        "model": {"name": "fraud-xgboost", "version": "1", "digest": digest, "arm": "champion"},
    }
    (found,) = replay([decided(1, features=json.dumps(facts))], Library(settings))
    assert found.again is None
