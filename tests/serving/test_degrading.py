"""Things break under the running services: every payment is answered, and they mend themselves."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from components.common.identity import pseudonymise
from components.common.sealing import seal
from components.fraud import XGBOOST
from components.fraud.features import FRAUD_USER_DAILY
from feature_repo.views import MIDNIGHT_TTL
from serving.common.manifest import Deployment, Manifest, Release, read_manifest, write_manifest
from serving.common.online_features import OnlineFeatures
from tests.redis_server import RedisServer
from tests.serving.conftest import await_true
from tests.serving.running import Running, serve

pytestmark = pytest.mark.e2e
STORE_DOWN = {
    "fraud_user_daily_unavailable",
    "fraud_merchant_daily_unavailable",
    "fraud_user_history_unavailable",
}
LATE = f"{XGBOOST.name}_late"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    started = RedisServer(tmp_path_factory.mktemp("own-redis")).start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
    artifacts: dict[str, Path],
    applied_store: Path,
    server: RedisServer,
) -> Iterator[Running]:
    """Services in the server profile with a budget for models."""
    home = tmp_path_factory.mktemp("degrading") / "home"
    more = {
        "FINLOOP_ONLINE_STORE": server.address().get_secret_value(),
        "FINLOOP_MODEL_BUDGET_MS": "2000",
    }
    with serve(home, artifacts, applied_store, 4300, **more) as started:
        yield started


class Asking:
    """Payments with ids of their own; every one must be answered."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._name = uuid4().hex
        self._count = 0

    def __call__(self, **changes: Any) -> dict[str, Any]:
        self._count += 1
        answer = self._running.decide(f"{self._name}-{self._count}", **changes)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, mended: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Ask until an answer is as it should be."""
        await_true(lambda: mended(self()), what)

    def counted(self, what: str) -> float:
        """How many decisions `/metrics` says were made without something."""
        line = f'finloop_degraded_total{{domain="fraud",what="{what}"}} '
        lines = self._running.client.get("/metrics").text.splitlines()
        return sum(float(one.removeprefix(line)) for one in lines if one.startswith(line))


@pytest.fixture
def ask(running: Running) -> Asking:
    return Asking(running)


def serve_release(running: Running, release: Release | None) -> None:
    """Put another champion, or none, into the manifest that the services follow."""
    before = read_manifest(running.settings.serving)
    assert before is not None
    manifest = Manifest(before.generation + 1, {XGBOOST.name: Deployment(release)})
    write_manifest(running.settings.serving, manifest)
    line = f"finloop_manifest_generation {float(manifest.generation)}"
    await_true(lambda: line in running.client.get("/metrics").text, "following the manifest")


def champion(running: Running) -> Release:
    manifest = read_manifest(running.settings.serving)
    assert manifest is not None
    found = manifest.models[XGBOOST.name].champion
    assert found is not None
    return found


def test_an_online_store_that_is_killed(ask: Asking, server: RedisServer) -> None:
    ask.until(lambda answer: not STORE_DOWN & set(answer["degraded"]), "finding the store")
    server.stop()
    answer = ask()
    assert set(answer["degraded"]) >= STORE_DOWN
    assert (answer["model"]["version"], answer["history"]["sequence"]) == ("1", None)
    assert set(ask()["degraded"]) >= STORE_DOWN
    assert ask.counted("fraud_user_history_unavailable") >= 2
    server.start()
    ask.until(lambda answer: not STORE_DOWN & set(answer["degraded"]), "the store's return")
    ask.until(lambda answer: answer["history"]["sequence"] >= 3, "carrying again what was lost")


def test_an_online_store_that_hangs(ask: Asking, server: RedisServer) -> None:
    ask.until(lambda answer: not STORE_DOWN & set(answer["degraded"]), "finding the store")
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        assert all(set(ask()["degraded"]) >= STORE_DOWN for _ in range(5))
    finally:
        server.process.send_signal(signal.SIGCONT)
    ask.until(lambda answer: not STORE_DOWN & set(answer["degraded"]), "the store's return")


def test_rows_that_are_too_old(ask: Asking, running: Running, server: RedisServer) -> None:
    settings = running.settings.model_copy(update={"online_store": server.address()})
    online = OnlineFeatures(settings)
    online.refresh()
    user = pseudonymise("old", running.settings.pseudonym_secret())
    values = dict.fromkeys(FRAUD_USER_DAILY.names, 2.5)
    for age, stale in ((MIDNIGHT_TTL + timedelta(hours=1), True), (timedelta(hours=1), False)):
        row = {"user_id": user, "event_timestamp": datetime.now(UTC) - age, **values}
        online.write("fraud_user_daily", [row])
        answer = ask(user_id="old")
        assert ("fraud_user_daily_stale" in answer["degraded"]) is stale
        assert answer["feature_age_seconds"]["fraud_user_daily"] > 0
    assert ask.counted("fraud_user_daily_stale") == 1


def test_a_model_that_is_missing(ask: Asking, running: Running) -> None:
    known = champion(running)
    serve_release(running, None)
    answer = ask()
    assert (answer["decision"], answer["model"], answer["probability"]) == ("REVIEW", None, None)
    assert "model_missing" in answer["degraded"]
    assert ask.counted("model_missing") == 1
    serve_release(running, known)
    assert "model_missing" not in ask()["degraded"]


def test_a_model_that_is_slow(ask: Asking, running: Running) -> None:
    known = champion(running)
    slow = running.settings.home / "slow"
    shutil.copytree(known.path, slow)
    burden(slow / "model.onnx")
    serve_release(running, Release("9", seal(slow).digest, str(slow), None))
    answer = ask()
    assert (answer["decision"], answer["probability"]) == ("REVIEW", None)
    assert LATE in answer["degraded"]
    assert LATE in ask()["degraded"], "it is busy, so nobody waits for it"
    assert ask.counted(LATE) == 2
    serve_release(running, known)
    ask.until(lambda answer: LATE not in answer["degraded"], "the return of a fast model")


def burden(path: Path, size: int = 3000, rounds: int = 16) -> None:
    """Let a graph multiply large matrices before it answers: 0.9 TFLOP, seconds on any machine."""
    model = onnx.load(str(path))
    graph, output = model.graph, model.graph.output[0].name
    for node in graph.node:
        node.output[:] = ["fast" if name == output else name for name in node.output]
    shape = numpy_helper.from_array(np.array([size, size]), "burden_shape")
    none = numpy_helper.from_array(np.array(0.0, np.float32), "burden_none")
    graph.initializer.extend([shape, none])
    scale = size**-0.5  # products keep their size
    seed = helper.make_node("RandomNormalLike", ["burden_zero"], ["burden_0"], dtype=1, scale=scale)
    zero = helper.make_node("ConstantOfShape", ["burden_shape"], ["burden_zero"])
    work = [
        helper.make_node("MatMul", [f"burden_{n}", f"burden_{n}"], [f"burden_{n + 1}"])
        for n in range(rounds)
    ]
    end = [
        helper.make_node("ReduceMax", [f"burden_{rounds}"], ["burden_max"], keepdims=0),
        helper.make_node("Min", ["burden_max", "burden_none"], ["burden_low"]),
        helper.make_node("Mul", ["burden_low", "burden_none"], ["burden_nothing"]),
        helper.make_node("Cast", ["burden_nothing"], ["burden_cast"], to=11),
        helper.make_node("Add", ["fast", "burden_cast"], [output]),
    ]
    graph.node.extend([zero, seed, *work, *end])
    onnx.save(model, str(path))
