"""What one explained credit score costs and how late it comes, by the kind of model that says it.

The claim: at 20 applications a second 99 of 100 are answered within 30 ms, with the reasons and
with what would help, whichever kind of model was chosen. The services run as in the benchmark of
serving, with a Redis of their own and a ledger that survives a power cut; latencies are from when
a request was due, processor time is that of every process of the services, and the load comes from
one more process on the same cores. Each kind takes its usual configuration and is champion once.
What an explanation costs follows the leaves, of which a forest has most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.redis_server import redis_server
from benchmarks.report import Row, Say
from benchmarks.serving_company import Lesson, applications, found
from benchmarks.serving_stand import Stand
from components.common.evidence import read_metrics
from components.common.processes import Supervisor
from components.common.trees import TREES, Trees
from components.credit import SCORING
from components.credit.candidates import CANDIDATES
from components.credit.training import ScoringConfig
from demo.world import WorldConfig
from serving.processes import start_services

RATE = 20.0
"""Applications per second at which the claim is checked."""
WORLD = WorldConfig(users=1_000, merchants=100, days=60, loans_per_user=20.0)
"""As many loans as make a forest slowest: of more it grows fewer trees, and smaller ones."""
APPROVE_BELOW = 0.01
"""So strict that hardly anybody is simply granted a loan: every answer looks for what would help,
and all groups fare alike, so that the gate of fairness lets each kind pass."""
_WARM_SECONDS = 3.0


def run(data: Path | None, say: Say) -> tuple[Row, ...]:
    """Measure; the data is simulated."""
    with TemporaryDirectory(prefix="finloop-answers-") as name, ExitStack() as stack:
        folder = Path(name)
        address = stack.enter_context(redis_server(folder / "redis"))
        company = found(folder, address, lessons(), say, WORLD)
        versions = company.versions(SCORING)
        company.promote(versions[0], SCORING)
        served = start_services(stack.enter_context(Supervisor()), company.settings)
        asked = applications(company)
        stand = Stand(company, served, "/v1/credit/scores", asked, folder, say)
        return tuple(row for version in versions for row in _measure(stand, version))


def lessons() -> tuple[Lesson, ...]:
    """A training for each kind of model, on the windows of the pipeline."""
    from pipelines.credit_scoring import Arguments

    usual = Arguments()
    days = (usual.train_days, usual.calibration_days, usual.test_days)
    configs = (_config(kind.name) for kind in CANDIDATES)
    return tuple(Lesson(SCORING, config, days) for config in configs)


def _config(kind: str) -> ScoringConfig:
    """One kind of model as it comes."""
    return ScoringConfig(kinds=kind, trials=0, approve_below=APPROVE_BELOW)


def _measure(stand: Stand, version: str) -> Iterator[Row]:
    """One version as champion: at the rate of the claim, then as fast as it answers."""
    stand.company.promote(version, SCORING)
    stand.await_version(version, SCORING)
    artifact = stand.company.artifact(SCORING)
    kind = str(read_metrics(artifact)["parameters"]["kind"])
    stand.say(f"champion: {kind}")
    stand.load(_WARM_SECONDS, RATE)
    paced, paced_ms = stand.cost(RATE)
    answers = stand.newest_answers(paced.answered)
    missing = Counter(name for answer in answers for name in answer["degraded"])
    stand.say(f"missing in answers: {dict(missing) or 'nothing'}")
    full, full_ms = stand.cost()
    yield Row(kind, "p50_ms", paced.p50_ms, "ms")
    yield Row(kind, "p99_ms", paced.p99_ms, "ms")
    yield Row(kind, "cpu_ms_paced", paced_ms, "ms")
    yield Row(kind, "cpu_ms", full_ms, "ms")
    yield Row(kind, "rate_per_s", full.rate, "answers/s")
    yield Row(kind, "leaves", Trees.read(artifact / TREES).leaves, "leaves")
    yield Row(kind, "errors", paced.errors + full.errors, "answers")
    yield from said(kind, answers)


def said(kind: str, answers: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """What was in the answers, and what was missing: an answer without reasons is a cheap one."""
    explained = [bool(one["risk_factors"]) for one in answers]
    helped = [one["what_would_help"] is not None for one in answers]
    stopped = [one["decision"] != "APPROVE" for one in answers]
    yield Row(kind, "degraded", sum(bool(one["degraded"]) for one in answers), "answers")
    yield Row(kind, "explained", sum(explained) / len(answers), "share")
    yield Row(kind, "stopped", sum(stopped) / len(answers), "share")
    yield Row(kind, "helped", sum(helped) / len(answers), "share")
