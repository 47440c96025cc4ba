"""The service is killed again and again, or its disk is full: what was said was written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from components.common.ledger import open_ledger
from components.common.ledger.verify import Verification, verify
from components.common.settings import Settings
from serving.common.manifest import Deployment, Manifest, Release, write_manifest
from tests.postgres_server import PostgresServer
from tests.serving.conftest import KEY, await_true
from tests.serving.desk import payment
from tests.serving.running import serve

DECIDE = "/v1/fraud/decisions"
KILLS = 20
CRASHES = 2
SENDERS = 4
BETWEEN = 20
"""Answers between two kills, so that each one meets requests under way."""


@dataclass
class Service:
    """Processes that answer on a port."""

    settings: Settings
    address: str
    key: str
    workers: Callable[[], list[psutil.Process]]
    """The processes that answer and hold the ledger now."""

    def worker(self) -> psutil.Process | None:
        """The one that answers, where there is one."""
        return next(iter(self.workers()), None)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, headers={"X-API-Key": self.key}, timeout=30)


@pytest.fixture(params=["sqlite", "postgres"])
def service(
    settings: Settings, releases: dict[str, Release], request: pytest.FixtureRequest
) -> Iterator[Service]:
    """The application with version 1 as champion, in processes of its own; no feature store."""
    manifest = Manifest(1, {"fraud-xgboost": Deployment(releases["1"])})
    write_manifest(settings.serving, manifest)
    environment = {
        "FINLOOP_HOME": str(settings.home),
        "FINLOOP_API_KEYS": json.dumps(settings.api_keys),
    }
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        server.empty()
        settings = settings.model_copy(update={"ledger_url": server.address()})
        environment["FINLOOP_LEDGER_URL"] = server.address().get_secret_value()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.serving.forked"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = f"http://127.0.0.1:{int(process.stdout.readline())}"
        service = Service(settings, address, KEY, psutil.Process(process.pid).children)
        yield service
        worker = service.worker()
        process.kill()
        if worker is not None:
            worker.kill()


@pytest.fixture
def served(tmp_path: Path, artifacts: dict[str, Path], applied_store: Path) -> Iterator[Service]:
    """Everything that `finloop serve` starts, as it starts it."""
    with serve(tmp_path / "home", artifacts, applied_store, 4700) as running:
        key = running.client.headers["X-API-Key"]
        yield Service(running.settings, str(running.client.base_url), key, running.workers)


class Load:
    """Threads that ask without a pause, and keep asking until each payment has its answer."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.asked: dict[str, dict[str, Any]] = {}
        self.said: dict[str, bytes] = {}
        """Payment → the answer that came."""
        self.unanswered: set[str] = set()
        """Payments that were cut off at least once: decided or not, nobody was told."""
        self.under_way: set[str] = set()
        """Payments that wait for their answer now."""
        self.retried = 0
        """Wishes to retry so far."""
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
        with self._service.client() as client:
            while not self._stop.is_set():
                number += 1
                body = payment(transaction_id=f"p{sender}-{number}", user_id=f"u{number % 50}")
                while not self._ask(client, body) and not self._stop.is_set():
                    self._stop.wait(0.05)

    def _ask(self, client: httpx.Client, body: dict[str, Any]) -> bool:
        name = body["transaction_id"]
        self.asked[name] = body
        self.under_way.add(name)
        try:
            answer = client.post(DECIDE, json=body)
        except httpx.TransportError:
            with self._lock:
                self.unanswered.add(name)
            return False
        finally:
            self.under_way.discard(name)
        with self._lock:
            if answer.status_code == 200:
                self.said[name] = answer.content
            elif answer.status_code == 503:
                self.retried += 1
            else:
                self.other.append((answer.status_code, answer.text))
        return answer.status_code != 503


def kill_under_load(service: Service, load: Load, killed: list[int]) -> None:
    """Kill the worker after some answers, wherever it is, with requests under way.

    It is held first, so that a fast machine has no moment between two requests: the senders keep
    their connections, so what they ask now is lost with the worker.
    """
    before = len(load.said)
    await_true(lambda: len(load.said) >= before + BETWEEN, "answers under load", seconds=120)
    victim = service.worker()
    assert victim is not None
    killed.append(victim.pid)
    victim.suspend()
    try:
        await_true(lambda: len(load.under_way) == SENDERS, "requests under way")
    finally:
        victim.kill()


def kill_and_account(service: Service, kills: int) -> None:
    """Kill so many times under load; then each answer that came is kept, and none was changed."""
    killed: list[int] = []
    with Load(service) as load:
        for _ in range(kills):
            kill_under_load(service, load, killed)
        after = len(load.said)
        await_true(lambda: len(load.said) > after + BETWEEN, "answers after it all", seconds=120)
    assert len(set(killed)) == kills
    assert load.other == []
    assert load.unanswered, "no request was under way at any kill"
    assert load.said.keys() & load.unanswered, "what was cut off was asked again, and answered"
    kept, found = accounts(service)
    assert {name: kept.get(name) for name in load.said} == load.said
    assert (found.ok, found.faults) == (True, [])
    with service.client() as client:
        again = {name: client.post(DECIDE, json=load.asked[name]) for name in load.said}
    assert {name: answer.content for name, answer in again.items()} == load.said


def accounts(service: Service) -> tuple[dict[str, bytes], Verification]:
    """The answers that the ledger holds, and whether its chain holds."""
    with closing(open_ledger(service.settings)) as ledger:
        return {one.subject_id: one.answer.encode() for one in ledger.decisions()}, verify(ledger)


@pytest.mark.e2e
def test_every_answer_outlives_twenty_kills(service: Service) -> None:
    kill_and_account(service, KILLS)


@pytest.mark.e2e
def test_every_answer_outlives_the_workers_that_bentoml_starts_anew(served: Service) -> None:
    """The same with the processes of `finloop serve`, which take longer to come back."""
    kill_and_account(served, KILLS)


@pytest.mark.e2e
@pytest.mark.parametrize("service", ["postgres"], indirect=True)
def test_a_database_that_crashes_under_load_loses_no_answer(
    service: Service, postgres_server: PostgresServer
) -> None:
    """What was written when it went down is there when it is back, and nothing was decided else."""
    with Load(service) as load:
        for _ in range(CRASHES):
            before = len(load.said)
            await_true(lambda: len(load.said) >= before + BETWEEN, "answers", seconds=120)  # noqa: B023 - awaited here
            seen = load.retried
            postgres_server.stop()
            try:
                await_true(lambda: load.retried > seen, "a wish to retry")  # noqa: B023 - awaited here
                with service.client() as client:
                    refused = client.post(DECIDE, json=payment(transaction_id="down"))
                    assert (refused.status_code, refused.json()["code"]) == (
                        503,
                        "ledger_unavailable",
                    )
            finally:
                postgres_server.start()
        after = len(load.said)
        await_true(lambda: len(load.said) > after + BETWEEN, "answers after it all", seconds=120)
    assert load.other == []
    kept, found = accounts(service)
    assert {name: kept.get(name) for name in load.said} == load.said
    assert "down" not in kept
    assert (found.ok, found.faults) == (True, [])


@pytest.mark.parametrize("service", ["sqlite"], indirect=True)
def test_a_full_disk_decides_nothing_and_goes_on_by_itself(service: Service) -> None:
    with service.client() as client:
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
