"""The services as a user starts them: `finloop serve`, real processes on a real port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psutil
import pytest

from components.common.ledger import Ledger
from serving.common.position import Position
from tests.ledger_log import log_began
from tests.serving.conftest import await_true
from tests.serving.running import Running, serve


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, artifacts: dict[str, Path], applied_store: Path
) -> Iterator[Running]:
    """Services that were started with version 1 as champion and an empty feature store."""
    home = tmp_path_factory.mktemp("serve") / "home"
    with serve(home, artifacts, applied_store, 3900) as started:
        yield started


def test_bentoml_says_that_it_lives_and_is_ready(running: Running) -> None:
    assert running.client.get("/healthz").status_code == 200
    assert running.client.get("/readyz").status_code == 200


def test_a_payment_is_decided_and_written_down(running: Running) -> None:
    answer = running.decide("first", amount=90_000.0)
    assert answer.status_code == 200
    assert answer.json()["decision"] == "DECLINE"
    ledger = Ledger(running.settings.ledger)
    found = ledger.decision_on("fraud", "first")
    ledger.close()
    assert found is not None
    assert found.answer.encode() == answer.content


def test_bad_input_is_a_problem_behind_the_server_too(running: Running) -> None:
    large = running.client.post("/v1/fraud/decisions", content=b"x" * 10 * 1024 * 1024)
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    unknown = running.client.get("/v1/nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    nobody = running.client.get("/v1/decisions/x", headers={"X-API-Key": "wrong"})
    assert nobody.status_code == 401


def test_the_page_and_all_it_needs_come_from_here(running: Running) -> None:
    page = running.client.get("/").text
    assert "googletagmanager" not in page
    for path in ("/static_content/swagger-ui-bundle.js", "/static_content/swagger-ui.css"):
        assert path in page
        assert len(running.client.get(path).content) > 10_000
    assert running.client.get("/openapi.json").json()["info"]["title"] == "Finloop"


def test_decisions_reach_the_feature_store_through_the_follower(running: Running) -> None:
    running.decide("carried")
    ledger = Ledger(running.settings.ledger)
    (last,) = ledger.rows("SELECT max(seq) AS seq, count(*) AS n FROM decisions")
    ledger.close()
    position = Position(running.settings.serving)
    await_true(lambda: position.read("fraud") >= last["seq"], "carrying the decision")
    later = running.decide("after it was carried").json()
    ledger = Ledger(running.settings.ledger)
    found = ledger.decision(later["decision_id"])
    ledger.close()
    assert found is not None
    assert json.loads(found.features)["inputs"]["history_count"] == last["n"]


def test_the_log_of_the_ledger_is_kept_short_by_the_follower(running: Running) -> None:
    """So few decisions are far from what a commit copies by itself."""

    def began() -> bytes:
        assert running.decide(f"log-{next(number)}").status_code == 200
        return log_began(running.settings.ledger)

    number = count()
    first = began()
    await_true(lambda: began() != first, "a log that begins again")


def test_a_new_champion_takes_over_without_one_failed_request(running: Running) -> None:
    version = running.approve("2")
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def send() -> None:
        number = 0
        while not stop.is_set():
            answer = running.decide(f"swap-{number}", user_id=f"user-{number}")
            seen.append((answer.status_code, answer.json()["model"]["version"]))
            number += 1

    sender = threading.Thread(target=send)
    sender.start()
    running.promote(version)
    await_true(lambda: running.serving(version), "serving the new version")
    await_true(lambda: seen and seen[-1][1] == version, "an answer of the new version")
    stop.set()
    sender.join()
    assert {status for status, _ in seen} == {200}
    versions = [answered for _, answered in seen]
    assert versions == sorted(versions), "first the one, then the other, and never back"
    assert set(versions) == {"1", version}


def test_every_decision_so_far_replays_to_the_same_bytes(running: Running) -> None:
    replayed = subprocess.run(
        [sys.executable, "-m", "finloop", "decisions", "replay", "--all", "--json"],
        env={**os.environ, "FINLOOP_HOME": str(running.settings.home)},
        capture_output=True,
        check=False,
    )
    assert replayed.returncode == 0, replayed.stderr
    found = json.loads(replayed.stdout)
    assert (found["mismatches"], found["decisions"] > 3) == (0, True)


def test_a_second_installation_takes_the_next_port(running: Running, tmp_path: Path) -> None:
    from components.common.processes import free_port

    assert running.client.base_url.port is not None
    assert free_port(running.client.base_url.port) != running.client.base_url.port


def test_nothing_was_written_outside_home(running: Running) -> None:
    worker, *_ = running.workers()
    assert worker.environ()["BENTOML_HOME"] == str(running.settings.home / "bentoml")
    assert worker.environ()["BENTOML_DO_NOT_TRACK"] == "True"
    written = [Path(file.path) for file in worker.open_files() if getattr(file, "mode", "r") != "r"]
    assert written
    assert [path for path in written if not path.is_relative_to(running.settings.home)] == []


def test_a_worker_that_decides_has_loaded_no_training_library(running: Running) -> None:
    assert running.decide("a stopped payment", amount=90_000.0).json()["reasons"]
    (worker,) = running.workers()
    loaded = " ".join(one.path for one in worker.memory_maps())
    assert "onnxruntime" in loaded
    heavy = ("tensorflow", "xgboost", "pandas", "sklearn", "scipy", "duckdb", "pyarrow")
    assert [name for name in heavy if f"/{name}" in loaded] == []


def test_ctrl_c_stops_every_process(running: Running) -> None:
    """The last test of this module: it ends what the others used."""
    children = psutil.Process(running.process.pid).children(recursive=True)
    assert len(children) >= 3
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(60) == 130
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_serving_imports_no_training_library(tmp_path: Path) -> None:
    """Neither does BentoML's own process load what answers requests."""
    script = """
import sys
from serving.gateway import Gateway
supervisor = {name.partition(".")[0] for name in sys.modules}
print(sorted({"fastapi", "numpy", "onnxruntime"} & supervisor))
Gateway.to_asgi()
from components.fraud.reasons import explain
from serving.common.following import make_carrier
worker = {name.partition(".")[0] for name in sys.modules}
heavy = {"mlflow", "tensorflow", "great_expectations", "evidently", "kfp", "feast", "xgboost"}
print(sorted((heavy | {"pandas", "duckdb", "pyarrow", "sklearn"}) & worker))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "FINLOOP_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["[]", "[]"]
