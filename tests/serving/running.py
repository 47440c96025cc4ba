"""`finloop serve` of an installation of its own: real processes on a real port."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil

from components.common.approval import approve
from components.common.registration import RunFacts
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.stages import Stage
from components.common.verdict import Verdict
from components.fraud import XGBOOST
from serving.common.manifest import read_manifest
from tests.serving.conftest import await_true


@dataclass
class Running:
    """`finloop serve` of one installation."""

    settings: Settings
    registry: Registry
    artifacts: dict[str, Path]
    process: subprocess.Popen[str]
    client: httpx.Client

    def decide(self, name: str, **changes: Any) -> httpx.Response:
        when = datetime.now(UTC) - timedelta(minutes=1)
        known = {
            "transaction_id": name,
            "event_timestamp": when.isoformat(),
            "user_id": "kim",
            "merchant_id": "shop",
            "amount": 100.0,
        }
        return self.client.post("/v1/fraud/decisions", json={**known, **changes})

    def approve(self, artifact: str) -> str:
        """Train and approve a version; its number."""
        facts = RunFacts({}, {}, Verdict(True), "data", "code")
        candidate = self.registry.register_candidate(
            XGBOOST, self.artifacts[artifact], run=facts, actor="mina"
        )
        return approve(XGBOOST, candidate.version, "jia", self.settings).version

    def promote(self, version: str) -> None:
        """Make a version champion, as the rollout does."""
        self.registry.set_stage(XGBOOST.name, version, Stage.CHAMPION, [])
        self.registry.set_champion(XGBOOST.name, version)

    def serving(self, version: str) -> bool:
        """Whether a version answers."""
        manifest = read_manifest(self.settings.serving)
        if manifest is None:
            return False
        line = f"finloop_manifest_generation {float(manifest.generation)}"
        champion = manifest.models[XGBOOST.name].champion
        answers = line in self.client.get("/metrics").text
        return champion is not None and champion.version == version and answers

    def workers(self) -> list[psutil.Process]:
        """The processes that answer and hold the ledger."""
        started = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in started if _command(one).count("_bentoml_impl.worker.service")]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def _listen_to_ctrl_c() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and so do the tests in it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def serve(
    home: Path, artifacts: dict[str, Path], applied_store: Path, port: int, **more: str
) -> Iterator[Running]:
    """Services with version 1 as champion and an empty feature store; `more` is environment."""
    settings = Settings(home=home)
    shutil.copytree(applied_store, settings.home)
    environment = {**os.environ, "FINLOOP_HOME": str(settings.home), "FINLOOP_API_KEYS": "{}"}
    started = Running(settings, Registry(settings), artifacts, None, None)  # type: ignore[arg-type]
    started.promote(started.approve("1"))
    with subprocess.Popen(
        [sys.executable, "-m", "finloop", "serve", "--json"],
        env={**environment, "FINLOOP_SERVING_PORT": str(port), **more},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_listen_to_ctrl_c,  # noqa: PLW1509 - before any thread
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        headers = {"X-API-Key": told["key"]}
        with httpx.Client(base_url=told["address"], headers=headers, timeout=30) as client:
            started.process, started.client = process, client
            await_true(lambda: started.serving("1"), "serving version 1")
            yield started
        process.terminate()
        process.wait(30)
