"""The service is killed again and again, or its disk is full: what was said was written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import pytest

from components.common.ledger import open_ledger
from components.common.ledger.verify import verify
from components.common.settings import Settings
from serving.common.manifest import Deployment, Manifest, Release, write_manifest
from tests.serving.conftest import KEY, await_true
from tests.serving.desk import payment

DECIDE = "/v1/fraud/decisions"
KILLS = 20
SENDERS = 4
BETWEEN = 20
"""Answers between two kills, so that each one meets requests under way."""


@dataclass
class Service:
    """Processes that answer on a port; each child of the first one is a worker."""

    settings: Settings
    process: subprocess.Popen[str]
    address: str

    def worker(self) -> psutil.Process | None:
        """The process that answers and holds the ledger, where there is one now."""
        return next(iter(psutil.Process(self.process.pid).children()), None)


@pytest.fixture
def service(settings: Settings, releases: dict[str, Release]) -> Iterator[Service]:
    """The application with version 1 as champion, in processes of its own; no feature store."""
    manifest = Manifest(1, {"fraud-xgboost": Deployment(releases["1"])})
    write_manifest(settings.serving, manifest)
    environment = {
        "FINLOOP_HOME": str(settings.home),
        "FINLOOP_API_KEYS": json.dumps(settings.api_keys),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.serving.forked"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield Service(settings, process, address)
        worker = next(iter(psutil.Process(process.pid).children()), None)
        process.kill()
        if worker is not None:
            worker.kill()


class Load:
    """Threads that ask without a pause, and keep asking until each payment has its answer."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.asked: dict[str, dict[str, Any]] = {}
        self.said: dict[str, bytes] = {}
        """Payment → the answer that came."""
        self.unanswered: set[str] = set()
        """Payments that were cut off at least once: decided or not, nobody was told."""
        self.other: list[tuple[int, str]] = []
        """Answers that are neither a decision nor a wish to retry."""
        self._threads = [
            threading.Thread(target=self._ask_on, args=(number,)) for number in range(SENDERS)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self, sender: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            body = payment(transaction_id=f"p{sender}-{number}", user_id=f"u{number % 50}")
            with self.client() as client:
                while not self._ask(client, body) and not self._stop.is_set():
                    self._stop.wait(0.05)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self._address, headers={"X-API-Key": KEY}, timeout=30)

    def _ask(self, client: httpx.Client, body: dict[str, Any]) -> bool:
        name = body["transaction_id"]
        self.asked[name] = body
        try:
            answer = client.post(DECIDE, json=body)
        except httpx.TransportError:
            with self._lock:
                self.unanswered.add(name)
            return False
        with self._lock:
            if answer.status_code == 200:
                self.said[name] = answer.content
            elif answer.status_code != 503:
                self.other.append((answer.status_code, answer.text))
        return answer.status_code != 503


def kill_under_load(service: Service, load: Load, killed: list[int]) -> None:
    """Kill the worker after some answers."""
    before = len(load.said)
    await_true(lambda: len(load.said) >= before + BETWEEN, "answers under load", seconds=120)
    victim = service.worker()
    assert victim is not None
    killed.append(victim.pid)
    victim.kill()


@pytest.mark.e2e
def test_every_answer_outlives_twenty_kills(service: Service) -> None:
    killed: list[int] = []
    with Load(service.address) as load:
        for _ in range(KILLS):
            kill_under_load(service, load, killed)
        after = len(load.said)
        await_true(lambda: len(load.said) > after + BETWEEN, "answers after it all", seconds=120)
    assert len(set(killed)) == KILLS
    assert load.other == []
    assert load.unanswered, "no request was under way at any kill"
    assert load.said.keys() & load.unanswered, "what was cut off was asked again, and answered"
    with closing(open_ledger(service.settings)) as ledger:
        kept = {one.subject_id: one.answer.encode() for one in ledger.decisions()}
        found = verify(ledger)
    assert {name: kept.get(name) for name in load.said} == load.said
    assert (found.ok, found.faults) == (True, [])
    with Load(service.address).client() as client:
        again = {name: client.post(DECIDE, json=load.asked[name]) for name in load.said}
    assert {name: answer.content for name, answer in again.items()} == load.said


def test_a_full_disk_decides_nothing_and_goes_on_by_itself(service: Service) -> None:
    with Load(service.address).client() as client:
        first = payment(transaction_id="before")
        await_true(lambda: client.post(DECIDE, json=first).status_code == 200, "an answer")
        worker = service.worker()
        assert worker is not None
        room = worker.rlimit(psutil.RLIMIT_FSIZE)
        log = service.settings.ledger.with_name("ledger.db-wal")
        worker.rlimit(psutil.RLIMIT_FSIZE, (log.stat().st_size, room[1]))
        for _ in range(3):
            refused = client.post(DECIDE, json=payment(transaction_id="full"))
            assert (refused.status_code, refused.json()["code"]) == (503, "ledger_unavailable")
        assert client.post(DECIDE, json=payment(transaction_id="x", amount=-1)).status_code == 422
        with closing(open_ledger(service.settings)) as ledger:
            assert [one.subject_id for one in ledger.decisions()] == ["before"]
        worker.rlimit(psutil.RLIMIT_FSIZE, room)
        assert client.post(DECIDE, json=payment(transaction_id="full")).status_code == 200
    with closing(open_ledger(service.settings)) as ledger:
        assert [one.subject_id for one in ledger.decisions()] == ["before", "full"]
        assert verify(ledger).ok
