"""`finloop monitor`, `finloop rollout`, `finloop status` as people and programs call them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from components.common.approval import approve
from components.common.domain import ModelSpec
from components.common.errors import FinloopError, unavailable
from components.common.ledger import Ledger
from components.common.records import Event
from components.common.registry import ModelVersion, Registry
from components.common.settings import Settings
from components.fraud import XGBOOST
from finloop import app
from monitoring.poll import poll
from monitoring.rollout import step_all

from .conftest import MODEL, NOW

Invoke = Callable[..., str]


@pytest.fixture
def finloop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command on the home of the test; what it printed. Errors are raised."""
    monkeypatch.setenv("FINLOOP_HOME", str(settings.home))
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.fixture
def finloop_json(finloop: Invoke) -> Callable[..., Any]:
    return lambda *arguments: json.loads(finloop(*arguments, "--json"))


@pytest.fixture
def approved(
    registry: Registry, trained: Callable[..., ModelVersion], settings: Settings
) -> Callable[[], str]:
    return lambda: approve(XGBOOST, trained().version, "jun", settings).version


def test_a_rollout_from_the_command_line(
    finloop: Invoke, finloop_json: Callable[..., Any], approved: Callable[[], str]
) -> None:
    approved()
    assert finloop("rollout", "step", MODEL).splitlines() == [
        "fraud-xgboost: version 1: new → waiting. "
        "Its files are the ones that were evaluated and approved.",
        "fraud-xgboost: version 1: waiting → champion. "
        "There is no champion yet, and its files are the ones that were approved.",
    ]
    approved()
    (_, started) = finloop_json("rollout", "step", MODEL)
    assert (started["version"], started["body"]["to"]) == ("2", "shadow")
    seen = finloop_json("rollout", "status", MODEL)
    assert seen["judge"]["action"] == "hold"
    assert seen["observations"]["pairs"]["count"] == 0
    assert "the judge says hold" in finloop("rollout", "status", MODEL)
    assert "Nothing moved" in finloop("rollout", "step", MODEL)

    (aborted,) = finloop_json("rollout", "abort", MODEL, "--by", "sora", "--reason", "Wrong data.")

    assert aborted["body"]["reasons"] == ["Aborted by sora: Wrong data."]
    assert finloop_json("rollout", "status", MODEL)["challenger"] is None
    with pytest.raises(FinloopError, match="nothing to abort"):
        finloop("rollout", "abort", MODEL, "--by", "sora")


def test_a_step_without_a_name_is_one_of_every_model(
    finloop: Invoke, finloop_json: Callable[..., Any], approved: Callable[[], str]
) -> None:
    approved()
    moved = finloop_json("rollout", "step")
    assert [(one["model"], one["body"]["to"]) for one in moved] == [
        (MODEL, "waiting"),
        (MODEL, "champion"),
    ]
    assert "Nothing moved" in finloop("rollout", "step")


def test_a_model_that_cannot_move_does_not_hold_up_the_others(
    registry: Registry,
    ledger: Ledger,
    approved: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    approved()
    lost = ModelSpec("lost", "none", "label", timedelta(0), (), "nobody")

    def versions(model: str) -> tuple[ModelVersion, ...]:
        if model == lost.name:
            raise unavailable("mlflow_unavailable", "MLflow does not answer.")
        return Registry.versions(registry, model)

    monkeypatch.setattr(registry, "versions", versions)
    moved = step_all((lost, XGBOOST), registry, ledger, datetime.now(UTC))
    assert [event.model for event in moved][-1:] == [MODEL]
    with pytest.raises(FinloopError, match="MLflow does not answer"):
        step_all((lost, XGBOOST), registry, ledger, datetime.now(UTC))


def test_a_release_from_the_command_line(
    finloop: Invoke,
    finloop_json: Callable[..., Any],
    approved: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FINLOOP_RELEASED_BY_PEOPLE", '["fraud"]')
    approved()
    with pytest.raises(FinloopError, match="in shadow, so none can be released"):
        finloop("rollout", "release", MODEL, "--by", "jia")
    finloop("rollout", "step", MODEL)
    approved()
    finloop("rollout", "step", MODEL)
    waits = finloop_json("status")["waits"]
    assert [one["do"] for one in waits if "shadow" in one["what"]] == [
        f"finloop rollout release {MODEL} --by NAME"
    ]

    (released,) = finloop_json("rollout", "release", MODEL, "--by", "jia", "--reason", "Seen.")

    assert (released["actor"], released["version"]) == ("jia", "2")
    assert released["body"] == {"reason": "Seen."}
    assert not [one for one in finloop_json("status")["waits"] if "shadow" in one["what"]]


def test_an_abort_needs_a_name(finloop: Invoke) -> None:
    with pytest.raises(AssertionError, match="Missing option '--by'"):
        finloop("rollout", "abort", MODEL)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rollout", "status", "nope"), "no model named 'nope'"),
        (("rollout", "step", "nope"), "no model named 'nope'"),
        (("monitor", "nope"), "no domain named 'nope'"),
    ],
)
def test_unknown_names_are_one_sentence(
    finloop: Invoke, arguments: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(FinloopError, match=sentence):
        finloop(*arguments)


def test_a_step_while_mlflow_is_down_is_one_sentence(
    finloop: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINLOOP_MLFLOW_URI", "http://127.0.0.1:9")

    with pytest.raises(FinloopError) as raised:
        finloop("rollout", "step", MODEL)

    assert raised.value.code == "mlflow_unavailable"
    assert "mlflow    │ is down" in finloop("status")


def test_monitor_without_a_champion_says_so(
    finloop: Invoke, finloop_json: Callable[..., Any]
) -> None:
    assert "has no champion yet" in finloop("monitor", "fraud")
    told = finloop_json("monitor", "--no-retrain", "--until", "2025-03-01T00:00:00")
    found = next(one for one in told if one["model"] == MODEL)
    assert (found["model"], found["champion"], found["retraining"]) == (MODEL, None, None)


def test_monitor_shows_windows_performance_and_the_decision(
    finloop: Invoke, finloop_json: Callable[..., Any], ledger: Ledger
) -> None:
    champion = Event("rollout", MODEL, "1", "rollout", NOW, "1", {"to": "champion"})
    body = {
        "since": "2025-03-01T00:00:00+00:00",
        "until": "2025-03-02T00:00:00+00:00",
        "rows": 1_400,
        "violated": True,
        "reasons": ["1 of 9 inputs drifted.", "amount: PSI 0.31 > 0.2, mean 52,100 → 68,300."],
        "columns": [],
    }
    ledger.append([champion, Event("drift", MODEL, "w1", "monitor", NOW, "1", body)])

    text = finloop("monitor", "fraud")
    found = next(one for one in finloop_json("monitor", "fraud") if one["model"] == MODEL)

    assert "mean 52,100 → 68,300" in text
    assert "Retrain: no. 1 of the last 1 windows drifted; 2 of 3 are needed." in text
    assert found["windows"][0]["key"] == "w1"
    assert found["decision"]["retrain"] is False


def test_status_says_what_waits_for_a_human(
    finloop: Invoke, finloop_json: Callable[..., Any], ledger: Ledger
) -> None:
    verdict = {"verdict": {"ok": True, "reasons": []}}
    ledger.append([Event("candidate", MODEL, "7", "mina", NOW, "7", verdict)])

    assert "candidate 7 of fraud-xgboost; finloop approve fraud-xgboost 7" in finloop("status")
    assert finloop_json("status")["waits"][0]["candidate"] == "7"


def test_polling_goes_on_through_an_outage_and_tells_it_once() -> None:
    looks, told, pauses = iter("odddod"), [], []

    def look() -> None:
        step = next(looks, None)
        if step is None:
            raise KeyboardInterrupt
        if step == "d":
            raise unavailable("mlflow_unavailable", "MLflow does not answer.")

    with pytest.raises(KeyboardInterrupt):
        poll(look, 5.0, told.append, pauses.append)

    assert told == ["MLflow does not answer."] * 2
    assert pauses == [5.0] * 6


def test_until_without_a_zone_is_utc() -> None:
    from monitoring.commands import as_utc

    assert as_utc(datetime(2025, 3, 1)) == datetime(2025, 3, 1, tzinfo=UTC)
