"""What one full decision costs, how late it comes under load, and `mlflow models serve` beside it.

The services run as in the server profile, with a Redis of their own, every model and a ledger that
survives a power cut; the load comes from one more process on the same cores. Saturation is what as
many connections sustain that each ask again as soon as they are answered; latencies are at a
constant rate, from when a request was due, and say little where the machine is one of many on its
host: `stolen` is how much of a processor others had while ours wanted it. Processor time is that of
every process of the services. The peer gets the boosted trees alone and their inputs ready-made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter

from benchmarks.redis_server import redis_server
from benchmarks.report import Row, Say
from benchmarks.serving_company import Lesson, found, payments
from benchmarks.serving_load import Load, Measured, put_under
from benchmarks.serving_peer import mlflow_serve
from benchmarks.serving_stand import SECONDS, Stand, stolen_seconds
from components.common.ledger import open_ledger
from components.common.processes import Supervisor
from components.fraud import LSTM, POLICY, XGBOOST
from components.fraud.boosting import BoostingConfig
from components.fraud.policy_training import PolicyConfig
from components.fraud.sequence import SequenceConfig
from serving.common.library import Library
from serving.common.replay import replay
from serving.processes import start_services

SWAPS = 20
REQUESTS = 20_000
"""Decisions over which memory is watched, where nobody asks for more."""
_TURNS = 3
_WARM = 300
_LESSONS = (
    Lesson(XGBOOST, BoostingConfig(seed=1)),
    Lesson(XGBOOST, BoostingConfig(seed=2)),
    Lesson(LSTM, SequenceConfig(), crowned=True),
    Lesson(POLICY, PolicyConfig(), crowned=True),
)
"""Every model, the trees twice; the network and the decision policy are champions already."""


def run(data: Path | None, say: Say, requests: int = REQUESTS) -> tuple[Row, ...]:
    """Measure; the data is simulated. `requests`: decisions over which memory is watched."""
    with TemporaryDirectory(prefix="finloop-serving-") as name, ExitStack() as stack:
        folder = Path(name)
        address = stack.enter_context(redis_server(folder / "redis"))
        company = found(folder, address, _LESSONS, say)
        first = company.versions(XGBOOST)[-1]
        company.promote(first, XGBOOST)
        with Supervisor() as supervisor:
            began = perf_counter()
            start_services(supervisor, company.settings)
            rows = [Row("start", "first_seconds", perf_counter() - began, "s")]
        supervisor = stack.enter_context(Supervisor())
        began = perf_counter()
        served = start_services(supervisor, company.settings)
        rows.append(Row("start", "seconds", perf_counter() - began, "s"))
        stand = Stand(company, served, "/v1/fraud/decisions", payments(company), folder, say)
        stand.await_version(first, XGBOOST)
        rows += [*_decisions(stand), *_swaps(stand), *_memory(stand, requests)]
        return (*rows, *_beside_peer(stand))


def _beside_peer(stand: Stand) -> Iterator[Row]:
    """Saturation of ours and of the peer by turns: machines have fast minutes and slow ones."""
    with mlflow_serve(stand.company.artifact(XGBOOST), stand.folder) as (peer, body):
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


@dataclass(frozen=True)
class _Turn:
    """Saturation, then half of it and nine tenths of it at a constant rate, and what they cost."""

    full: Measured
    full_ms: float
    half: Measured
    half_ms: float
    most: Measured

    @classmethod
    def of(cls, stand: Stand) -> _Turn:
        full, full_ms = stand.cost()
        half, half_ms = stand.cost(full.rate / 2)
        return cls(full, full_ms, half, half_ms, stand.load(SECONDS, full.rate * 0.9))


def _decisions(stand: Stand) -> Iterator[Row]:
    """Medians of turns: a rate that was found in a fast minute is too much in a slow one."""
    stand.load(_WARM / 100, 100)
    before, began = stolen_seconds(), perf_counter()
    turns = [_Turn.of(stand) for _ in range(_TURNS)]
    stolen = (stolen_seconds() - before) / (perf_counter() - began)
    yield Row("decision", "cpu_ms", median(one.full_ms for one in turns), "ms")
    yield Row("decision", "cpu_ms_half", median(one.half_ms for one in turns), "ms")
    yield Row("decision", "rate_per_s", median(one.full.rate for one in turns), "decisions/s")
    yield Row("decision", "p50_ms_half", median(one.half.p50_ms for one in turns), "ms")
    yield Row("decision", "p99_ms_half", median(one.half.p99_ms for one in turns), "ms")
    yield Row("decision", "p99_ms_90", median(one.most.p99_ms for one in turns), "ms")
    yield Row("machine", "stolen", stolen, "processors")
    errors = sum(load.errors for one in turns for load in (one.full, one.half, one.most))
    yield Row("decision", "errors", errors, "answers")
    answers = stand.newest_answers()
    stopped = [answer["decision"] != "APPROVE" for answer in answers]
    yield Row("decision", "members", min(len(one["members"]) for one in answers), "models")
    yield Row("decision", "degraded", sum(bool(one["degraded"]) for one in answers), "answers")
    yield Row("decision", "stopped", sum(stopped) / len(stopped), "share")


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
    one, other = stand.company.versions(XGBOOST)[:2]
    swapped = 0
    while loading.is_alive() and swapped < SWAPS:
        version = (one, other)[swapped % 2]
        stand.company.promote(version, XGBOOST)
        stand.await_version(version, XGBOOST)
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
