"""What one full decision costs, how late it comes under load, and `mlflow models serve` beside it.

The services run as in the server profile, with a Redis of their own, every model and a ledger that
survives a power cut; the load comes from one more process on the same cores. Saturation is what as
many connections sustain that each ask again as soon as they are answered; latencies are at a
constant rate, from when a request was due. Processor time is that of every process of the services.
The peer gets the boosted trees alone and their inputs ready-made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter
from typing import Any

import psutil

from benchmarks.redis_server import redis_server
from benchmarks.report import Row, Say
from benchmarks.serving_company import Company, Payments, found
from benchmarks.serving_load import Load, Measured, put_under
from benchmarks.serving_peer import mlflow_serve
from components.common.errors import refused
from components.common.ledger import open_ledger
from components.common.processes import Supervisor, wait
from components.fraud import XGBOOST
from serving.common.library import Library
from serving.common.manifest import read_manifest
from serving.common.replay import replay
from serving.processes import Served, start_services

SECONDS = 15.0
"""Length of each measurement."""
SWAPS = 20
REQUESTS = 20_000
"""Decisions over which memory is watched, where nobody asks for more."""
_TURNS = 3
_WARM = 300
_MOST_PER_SECOND = 2_500
"""Payments to have ready for each second of asking as fast as possible."""


@dataclass(frozen=True)
class Stand:
    """Services under test, and payments to ask about."""

    company: Company
    served: Served
    payments: Payments
    folder: Path
    say: Say

    def load(self, seconds: float, rate: float | None = None) -> Measured:
        """Put the services under load; every answer must be a decision."""
        wanted = int(seconds * (rate or _MOST_PER_SECOND)) + 1
        bodies = self.payments.write(self.folder / "payments.jsonl", wanted)
        address = f"{self.served.address}/v1/fraud/decisions"
        headers = {"X-API-Key": self.served.key or ""}
        measured = put_under(Load(address, str(bodies), seconds, rate, headers=headers))
        self.say(
            f"{f'{rate:.0f}/s' if rate else 'as fast as possible'}: {measured.rate:.0f}/s, "
            f"p50 {measured.p50_ms:.1f} ms, p99 {measured.p99_ms:.1f} ms, "
            f"max {measured.max_ms:.0f} ms, {measured.statuses}"
        )
        return measured

    @property
    def processes(self) -> list[psutil.Process]:
        """Every process of the services."""
        roots = [psutil.Process(process.popen.pid) for process in self.served.processes]
        return [one for root in roots for one in (root, *root.children(recursive=True))]

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all of them so far."""
        times = [process.cpu_times() for process in self.processes]
        return sum(time.user + time.system for time in times)

    @property
    def worker_mb(self) -> float:
        """Memory of the worker."""
        rss = [one.memory_info().rss for one in self.processes if _answers(one)]
        return max(rss) / 2**20


def _answers(process: psutil.Process) -> bool:
    """Whether requests come to a process; the others supervise and follow."""
    return "_bentoml_impl.worker.service" in process.cmdline()


def run(data: Path | None, say: Say, requests: int = REQUESTS) -> tuple[Row, ...]:
    """Measure; the data is simulated. `requests`: decisions over which memory is watched."""
    with TemporaryDirectory(prefix="finloop-serving-") as name, ExitStack() as stack:
        folder = Path(name)
        address = stack.enter_context(redis_server(folder / "redis"))
        company = found(folder, address, say)
        first, *_ = company.versions()[::-1]
        company.promote(first)
        with Supervisor() as supervisor:
            began = perf_counter()
            start_services(supervisor, company.settings)
            rows = [Row("start", "first_seconds", perf_counter() - began, "s")]
        supervisor = stack.enter_context(Supervisor())
        began = perf_counter()
        served = start_services(supervisor, company.settings)
        rows.append(Row("start", "seconds", perf_counter() - began, "s"))
        stand = Stand(company, served, Payments(company), folder, say)
        _await_version(stand, first)
        rows += [*_decisions(stand), *_swaps(stand), *_memory(stand, requests)]
        return (*rows, *_beside_peer(stand))


def _beside_peer(stand: Stand) -> Iterator[Row]:
    """Saturation of ours and of the peer by turns: machines have fast minutes and slow ones."""
    with mlflow_serve(_artifact(stand.company), stand.folder) as (peer, body):
        put_under(Load(peer, str(body), 2.0))
        pairs = []
        for _ in range(_TURNS):
            ours = stand.load(SECONDS).rate
            theirs = put_under(Load(peer, str(body), SECONDS)).rate
            stand.say(f"mlflow models serve: {theirs:.0f}/s")
            pairs.append((ours, theirs))
    ratios = [ours / theirs for ours, theirs in pairs]
    yield Row("decision", "rate_ratio", median(ratios), "times")
    yield Row("mlflow-serve", "rate_per_s", median(theirs for _, theirs in pairs), "requests/s")


def _decisions(stand: Stand) -> Iterator[Row]:
    """Saturation, then half of it and nine tenths of it at a constant rate."""
    stand.load(_WARM / 100, 100)
    full, full_ms = _cost(stand)
    half, half_ms = _cost(stand, full.rate / 2)
    most, _ = _cost(stand, full.rate * 0.9)
    yield Row("decision", "cpu_ms", full_ms, "ms")
    yield Row("decision", "cpu_ms_half", half_ms, "ms")
    yield Row("decision", "rate_per_s", full.rate, "decisions/s")
    yield Row("decision", "p50_ms_half", half.p50_ms, "ms")
    yield Row("decision", "p99_ms_half", half.p99_ms, "ms")
    yield Row("decision", "p99_ms_90", most.p99_ms, "ms")
    yield Row("decision", "errors", half.errors + most.errors, "answers")
    answers = _newest_answers(stand)
    stopped = [answer["decision"] != "APPROVE" for answer in answers]
    yield Row("decision", "members", min(len(one["members"]) for one in answers), "models")
    yield Row("decision", "degraded", sum(bool(one["degraded"]) for one in answers), "answers")
    yield Row("decision", "stopped", sum(stopped) / len(stopped), "share")


def _cost(stand: Stand, rate: float | None = None) -> tuple[Measured, float]:
    """A load, and the processor time in ms of each decision in all processes of the services."""
    before = stand.cpu_seconds
    measured = stand.load(SECONDS, rate)
    return measured, (stand.cpu_seconds - before) / measured.answered * 1000


def _newest_answers(stand: Stand) -> list[dict[str, Any]]:
    """The newest thousand answers: what of a full decision was missing in them."""
    with closing(open_ledger(stand.company.settings)) as ledger:
        newest = ledger.rows("SELECT answer FROM decisions ORDER BY seq DESC LIMIT 1000")
    return [json.loads(row["answer"]) for row in newest]


def _memory(stand: Stand, requests: int) -> Iterator[Row]:
    """Memory of the worker after so many more decisions, and how much of it they added."""
    before, answered = stand.worker_mb, 0
    while answered < requests:
        answered += stand.load(SECONDS).answered
    yield Row("memory", "mb", stand.worker_mb, "MB")
    yield Row("memory", "growth_mb", stand.worker_mb - before, "MB")
    yield Row("memory", "decisions", answered, "decisions")


def _swaps(stand: Stand) -> Iterator[Row]:
    """Champions by turns under load; every answer is one that a whole version gives."""
    rate, found = 100.0, []
    seconds = SWAPS * 3.0
    loading = Thread(target=lambda: found.append(stand.load(seconds, rate)))
    position = _newest(stand)
    loading.start()
    one, other = stand.company.versions()[:2]
    swapped = 0
    while loading.is_alive() and swapped < SWAPS:
        version = (one, other)[swapped % 2]
        stand.company.promote(version)
        _await_version(stand, version)
        swapped += 1
    loading.join()
    wrong = _not_whole(stand, position)
    yield Row("swap", "swaps", swapped, "swaps")
    yield Row("swap", "errors", found[0].errors + wrong, "answers")


def _newest(stand: Stand) -> int:
    """Position of the last decision in the ledger."""
    with closing(open_ledger(stand.company.settings)) as ledger:
        return ledger.rows("SELECT max(seq) AS newest FROM decisions")[0]["newest"] or 0


def _not_whole(stand: Stand, position: int) -> int:
    """Answers since a position that the version they name does not give when loaded anew."""
    with closing(open_ledger(stand.company.settings)) as ledger:
        decisions = ledger.decisions("seq > ?", position)
        again = replay(decisions, Library(stand.company.settings))
        return sum(not one.same for one in again)


def _await_version(stand: Stand, version: str) -> None:
    """Until the manifest names a version and the services say that they serve that manifest."""
    import urllib.request

    settings = stand.company.settings

    def serving() -> bool:
        manifest = read_manifest(settings.serving)
        champion = manifest.models[XGBOOST.name].champion if manifest is not None else None
        if manifest is None or champion is None or champion.version != version:
            return False
        with urllib.request.urlopen(f"{stand.served.address}/metrics") as answer:  # noqa: S310 - ours
            line = f"finloop_manifest_generation {float(manifest.generation)}"
            return line in answer.read().decode()

    wait(stand.served.processes[0], serving, timeout=60)


def _artifact(company: Company) -> Path:
    """The files of the champion on this host."""
    manifest = read_manifest(company.settings.serving)
    champion = manifest.models[XGBOOST.name].champion if manifest is not None else None
    if champion is None:
        raise refused("no_champion", "The services have no champion, so nothing was compared.")
    return Path(champion.path)
