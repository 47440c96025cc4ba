"""What runs, what is stale, what waits; and that MLflow need not be there to say so."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from components import domains
from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.notices import Board, Notice
from components.common.records import Event
from components.common.settings import Settings
from components.fraud import XGBOOST
from monitoring.rollout_state import read_state
from monitoring.status import STALE, describe, status, waiting_candidates

from .conftest import MODEL, NOW

MOVES = (("1", "champion"), ("2", "waiting"), ("2", "shadow"), ("2", "canary-25"), ("3", "waiting"))


@pytest.fixture
def rolling_out(ledger: Ledger) -> Ledger:
    """Version 1 is champion, 2 has a quarter of the traffic, 3 waits, and 4 was refused."""
    moves = [
        Event("rollout", MODEL, str(n), "rollout", NOW, v, {"to": to, "reasons": [to]})
        for n, (v, to) in enumerate(MOVES)
    ]
    refusal = Event("refusal", MODEL, "4:x", "sync", NOW, "4", {"reasons": ["No copy."]})
    ledger.append([*moves, refusal])
    return ledger


def _candidate(version: str, ok: bool = True) -> Event:
    body = {"verdict": {"ok": ok, "reasons": []}}
    return Event("candidate", MODEL, version, "mina", NOW, version, body)


def _approval(candidate: str) -> Event:
    return Event("approval", MODEL, candidate, "jun", NOW, candidate, {"candidate": candidate})


def _manifest(settings: Settings, champion: str, challenger: str | None) -> None:
    releases = {"champion": champion, "challenger": challenger}
    entry = {arm: {"version": version} if version else None for arm, version in releases.items()}
    settings.serving.mkdir(parents=True, exist_ok=True)
    content = {"generation": 3, "models": {MODEL: entry}}
    (settings.serving / "manifest.json").write_text(json.dumps(content))


def _look(settings: Settings, ledger: Ledger) -> dict[str, Any]:
    return status(domains(), settings, ledger)


def _model(found: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in found["models"] if one["model"] == MODEL)


@contextmanager
def _server(status_code: int) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status_code)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_empty_home_is_told_and_nothing_is_made(settings: Settings, ledger: Ledger) -> None:
    found = _look(settings, ledger)

    assert [one["name"] for one in found["runs"]] == ["mlflow", "evidently", "services"]
    assert all(one["written"] is None and one["stale"] for one in found["data"])
    assert found["waits"] == []
    assert sorted(path.suffix for path in settings.home.iterdir() if path.is_dir()) == []


def test_that_mlflow_is_down_is_said_without_it(settings: Settings, rolling_out: Ledger) -> None:
    down = settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})

    found = _look(down, rolling_out)

    assert found["runs"][0] == {"name": "mlflow", "address": "http://127.0.0.1:9", "ok": False}
    assert _model(found)["champion"]["version"] == "1"


@pytest.mark.parametrize(("code", "ok"), [(200, True), (503, False)])
def test_a_server_is_up_when_it_says_so(
    settings: Settings, ledger: Ledger, code: int, ok: bool
) -> None:
    with _server(code) as address:
        found = _look(settings.model_copy(update={"mlflow_uri": address}), ledger)

    assert found["runs"][0]["ok"] is ok


def test_what_was_started_is_found_wherever_it_answers_and_only_while_it_runs(
    settings: Settings, ledger: Ledger
) -> None:
    elsewhere = "http://127.0.0.1:9"
    board = Board()
    with _server(200) as address:
        board.put_up(settings.running, Notice("services", address, f"{address}/readyz", 1))
        board.put_up(settings.running, Notice("mlflow", elsewhere, f"{elsewhere}/health", 2))
        found = {one["name"]: one for one in _look(settings, ledger)["runs"]}
        board.take_down()

    assert found["services"] == {"name": "services", "address": address, "ok": True}
    assert found["mlflow"] == {"name": "mlflow", "address": elsewhere, "ok": False}
    assert found["evidently"] == {"name": "evidently", "address": None, "ok": False}
    assert [one["address"] for one in _look(settings, ledger)["runs"][1:]] == [None, None]


def test_a_stranger_on_our_port_is_not_taken_for_our_services(
    settings: Settings, ledger: Ledger
) -> None:
    with _server(200) as address:
        port = int(address.rpartition(":")[2])
        found = _look(settings.model_copy(update={"serving_port": port}), ledger)["runs"]

    assert found[-1] == {"name": "services", "address": None, "ok": False}


@pytest.mark.parametrize(("age", "stale"), [(timedelta(hours=1), False), (2 * STALE, True)])
def test_data_that_was_not_refreshed_is_stale(
    settings: Settings, ledger: Ledger, age: timedelta, stale: bool
) -> None:
    for folder in (settings.lake / "transactions" / "day=2025-03-01", settings.feature_tables):
        folder.mkdir(parents=True)
        path = folder / "part.parquet"
        path.touch()
        written = path.stat().st_mtime - age.total_seconds()
        os.utime(path, (written, written))

    found = _look(settings, ledger)["data"]

    assert [(one["name"], one["stale"]) for one in found] == [("lake", stale), ("features", stale)]


def test_a_rollout_in_flight(rolling_out: Ledger) -> None:
    found = describe(read_state(rolling_out, MODEL))

    assert (found["champion"]["version"], found["challenger"]["version"]) == ("1", "2")
    assert (found["challenger"]["stage"], found["share"]) == ("canary-25", 0.25)
    assert found["waiting"] == ["3"]
    assert [(one["version"], one["reasons"]) for one in found["refused"]] == [("4", ["No copy."])]


@pytest.mark.parametrize(
    ("champion", "challenger", "behind"),
    [("1", "2", False), ("1", None, True), ("2", None, True)],
)
def test_services_that_do_not_serve_what_the_ledger_says_are_behind(
    settings: Settings, rolling_out: Ledger, champion: str, challenger: str | None, behind: bool
) -> None:
    _manifest(settings, champion, challenger)

    served = _model(_look(settings, rolling_out))["served"]

    assert (served["champion"], served["behind"]) == (champion, behind)
    assert served["manifest_written"] is not None


def test_candidates_wait_for_a_human_until_a_newer_one_was_approved(ledger: Ledger) -> None:
    ledger.append([_candidate("1"), _candidate("2", ok=False), _candidate("3"), _candidate("4")])
    assert [one["candidate"] for one in waiting_candidates(XGBOOST, ledger)] == ["1", "3", "4"]

    ledger.append([_approval("3")])

    (waiting,) = waiting_candidates(XGBOOST, ledger)
    assert waiting["candidate"] == "4"
    assert waiting["do"] == "finloop approve fraud-xgboost 4 --by NAME"


def test_the_last_drift_verdict_is_shown(settings: Settings, ledger: Ledger) -> None:
    body = {"until": NOW.isoformat(), "violated": True, "reasons": ["amount: PSI 0.31 > 0.2."]}
    ledger.append([Event("drift", MODEL, "w/v1", "monitor", NOW, "1", body)])

    found = _model(_look(settings, ledger))

    assert found["drift"]["violated"]
    assert found["drift"]["reasons"] == ["amount: PSI 0.31 > 0.2."]


def test_a_manifest_that_cannot_be_read_is_one_sentence(
    settings: Settings, ledger: Ledger, rolling_out: Ledger
) -> None:
    settings.serving.mkdir(parents=True)
    Path(settings.serving / "manifest.json").write_text("{")

    with pytest.raises(FinloopError, match=r"manifest\.json cannot be read"):
        _look(settings, ledger)
