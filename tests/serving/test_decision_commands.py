"""`finloop decisions`, as a person and as a program use it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from components.common.approval import approve
from components.common.ledger import Ledger
from components.common.records import Decision
from components.common.registration import RunFacts
from components.common.registry import Registry
from components.common.verdict import Verdict
from components.fraud import XGBOOST
from components.fraud.decision import Policy
from finloop import app
from serving.common.manifest import Release
from tests.serving.desk import Desk


@pytest.fixture
def decisions(
    desk: Desk, releases: dict[str, Release], monkeypatch: pytest.MonkeyPatch
) -> list[Decision]:
    """An approved and a declined payment; commands find their installation and both versions."""
    keep = desk.runtime.settings.serving / "models"
    keep.mkdir(parents=True)
    for release in releases.values():
        (keep / release.digest).symlink_to(release.path)
    monkeypatch.setenv("FINLOOP_HOME", str(desk.runtime.settings.home))
    desk.decide(transaction_id="small")
    desk.decide(transaction_id="large", amount=90_000.0)
    report = {"kind": "fraud", "transaction_id": "large", "is_fraud": True, "source": "chargeback"}
    desk.client.post(
        "/v1/outcomes", json={**report, "outcome_timestamp": "2026-01-01T00:00:00Z"}
    ).raise_for_status()
    return list(desk.runtime.ledger.decisions())


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["decisions", *words])


def test_the_newest_come_first(decisions: list[Decision]) -> None:
    listed = json.loads(run("list", "--json").stdout)
    assert [row["subject_id"] for row in listed] == ["large", "small"]
    (newest,) = json.loads(run("list", "--limit", "1", "--json").stdout)
    assert newest["subject_id"] == "large"


def test_they_can_be_chosen(decisions: list[Decision]) -> None:
    declined = json.loads(run("list", "--decision", "decline", "--json").stdout)
    assert [row["subject_id"] for row in declined] == ["large"]
    assert json.loads(run("list", "--domain", "credit", "--json").stdout) == []


def test_people_get_a_table(decisions: list[Decision]) -> None:
    shown = run("list").stdout
    assert "DECLINE" in shown
    assert "champion" in shown


@pytest.mark.parametrize("by", ["decision_id", "subject_id"])
def test_one_is_shown_whole(decisions: list[Decision], by: str) -> None:
    shown = json.loads(run("show", getattr(decisions[1], by), "--json").stdout)
    assert shown["answer"]["decision"] == "DECLINE"
    assert shown["request"]["amount"] == 90_000.0
    assert shown["features"]["inputs"]["amount"] == 90_000.0
    assert (shown["version"], shown["arm"], shown["error"]) == ("1", "champion", None)
    assert [outcome["label"] for outcome in shown["outcomes"]] == [True]
    assert shown["shadows"] == []


def test_one_that_does_not_exist_is_one_sentence(decisions: list[Decision]) -> None:
    refused = run("show", "nothing")
    assert "There is no decision 'nothing'" in str(refused.exception)


def test_one_is_replayed_to_the_same_bytes(decisions: list[Decision]) -> None:
    replayed = run("replay", decisions[1].decision_id, "--json")
    assert replayed.exit_code == 0
    found = json.loads(replayed.stdout)
    assert found["same"] is True
    assert found["again"] == found["recorded"]


def test_all_are_replayed(decisions: list[Decision]) -> None:
    found = json.loads(run("replay", "--all", "--json").stdout)
    assert (found["decisions"], found["mismatches"], found["unanswered"]) == (2, 0, 0)
    assert found["different"] == []
    assert found["matrix"] == [
        {"from": "APPROVE", "to": "APPROVE", "count": 1, "amount": 100.0},
        {"from": "DECLINE", "to": "DECLINE", "count": 1, "amount": 90_000.0},
    ]
    assert "2 replayed, 0 different." in run("replay", "--all").stdout


def test_another_version_says_what_would_change(
    decisions: list[Decision], releases: dict[str, Release], desk: Desk
) -> None:
    # The registry of this installation is empty, so the version is asked for by its number in vain.
    asked = run("replay", decisions[1].decision_id, "--with", "7", "--json")
    assert asked.exit_code == 1
    assert "There is no version '7'" in json.loads(asked.stdout)["error"]


def test_all_by_another_version_say_what_would_change_in_decisions_and_money(
    decisions: list[Decision],
    releases: dict[str, Release],
    artifacts: dict[str, Path],
    desk: Desk,
    tmp_path: Path,
) -> None:
    registry = Registry(desk.runtime.settings)
    facts = RunFacts({}, {}, Verdict(True), "data", "code")
    lenient = shutil.copytree(artifacts["1"], tmp_path / "lenient")
    Policy(approve_below=0.9999999, decline_from=0.99999999).write(lenient)
    candidate = registry.register_candidate(XGBOOST, lenient, run=facts, actor="mina")
    version = approve(XGBOOST, candidate.version, "jia", desk.runtime.settings).version
    replayed = run("replay", "--all", "--with", version, "--json")
    assert replayed.exit_code == 0, "another answer of another version is no failure"
    found = json.loads(replayed.stdout)
    assert found["matrix"] == [
        {"from": "APPROVE", "to": "APPROVE", "count": 1, "amount": 100.0},
        {"from": "DECLINE", "to": "APPROVE", "count": 1, "amount": 90_000.0},
    ]
    money = found["money"]
    assert money["newly_let_through"] == {"count": 1, "amount": 90_000.0}
    assert money["fraud_lost"] == money["newly_let_through"]
    assert money["newly_stopped"] == money["good_let_through"] == {"count": 0, "amount": 0.0}
    told = run("replay", "--all", "--with", version).stdout
    assert "fraud lost" in told
    assert "newly stopped" in told


def test_a_record_that_does_not_replay_fails_the_command(
    decisions: list[Decision], desk: Desk
) -> None:
    ledger = Ledger(desk.runtime.settings.ledger)
    answer = json.loads(decisions[0].answer) | {"probability": 0.999}
    forged = replace(
        decisions[0], decision_id="forged", subject_id="forged", answer=json.dumps(answer)
    )
    ledger.append([forged])
    ledger.close()
    replayed = run("replay", "--all", "--json")
    assert replayed.exit_code == 1
    found = json.loads(replayed.stdout)
    assert (found["decisions"], found["mismatches"]) == (3, 1)
    assert found["different"][0]["decision_id"] == "forged"
    told = run("replay", "forged")
    assert told.exit_code == 1
    assert "probability" in told.stdout


@pytest.mark.parametrize("words", [(), ("some", "--all")])
def test_a_replay_needs_to_know_which(decisions: list[Decision], words: tuple[str, ...]) -> None:
    refused = run("replay", *words)
    assert "Name one decision, or say --all." in str(refused.exception)


def test_a_broken_ledger_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("FINLOOP_HOME", str(tmp_path))
    refused = run("list")
    assert "The ledger cannot be used" in str(refused.exception)
    assert not isinstance(refused.exception, sqlite3.Error)
