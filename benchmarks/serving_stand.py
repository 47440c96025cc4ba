"""Services under test: what they are asked, what it costs them, and what they said."""

from __future__ import annotations

import json
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.report import Say
from benchmarks.serving_company import Again, Company
from benchmarks.serving_load import Load, Measured, put_under
from components.common.domain import ModelSpec
from components.common.ledger import open_ledger
from components.common.processes import wait
from serving.common.manifest import read_manifest
from serving.processes import Served

SECONDS = 10.0
"""Length of each measurement."""
_MOST_PER_SECOND = 2_500
"""Requests to have ready for each second of asking as fast as possible."""


@dataclass(frozen=True)
class Stand:
    """Services under test, and what to ask of them."""

    company: Company
    served: Served
    path: str
    """Where to post to."""
    again: Again
    folder: Path
    say: Say

    def load(self, seconds: float, rate: float | None = None) -> Measured:
        """Put the services under load; every answer must be a decision."""
        wanted = int(seconds * (rate or _MOST_PER_SECOND)) + 1
        bodies = self.again.write(self.folder / "asked.jsonl", wanted)
        headers = {"X-API-Key": self.served.key or ""}
        address = self.served.address + self.path
        measured = put_under(Load(address, str(bodies), seconds, rate, headers=headers))
        self.say(
            f"{f'{rate:.0f}/s' if rate else 'as fast as possible'}: {measured.rate:.0f}/s, "
            f"p50 {measured.p50_ms:.1f} ms, p99 {measured.p99_ms:.1f} ms, "
            f"max {measured.max_ms:.0f} ms, {measured.statuses}"
        )
        return measured

    def cost(self, rate: float | None = None) -> tuple[Measured, float]:
        """A load, and the processor time in ms of each answer in all processes of the services."""
        before = self.cpu_seconds
        measured = self.load(SECONDS, rate)
        return measured, (self.cpu_seconds - before) / measured.answered * 1000

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

    def newest_answers(self, most: int = 1000) -> list[dict[str, Any]]:
        """The newest answers: what was missing in them."""
        with closing(open_ledger(self.company.settings)) as ledger:
            newest = ledger.rows("SELECT answer FROM decisions ORDER BY seq DESC LIMIT ?", most)
        return [json.loads(row["answer"]) for row in newest]

    def await_version(self, version: str, model: ModelSpec) -> None:
        """Until the manifest names a champion and the services say that they serve it."""
        settings = self.company.settings

        def serving() -> bool:
            manifest = read_manifest(settings.serving)
            deployed = manifest.models.get(model.name) if manifest is not None else None
            champion = deployed.champion if deployed is not None else None
            if manifest is None or champion is None or champion.version != version:
                return False
            with urllib.request.urlopen(f"{self.served.address}/metrics") as answer:  # noqa: S310 - ours
                line = f"finloop_manifest_generation {float(manifest.generation)}"
                return line in answer.read().decode()

        wait(self.served.processes[0], serving, timeout=60)


def stolen_seconds() -> float:
    """Processor time that the host of a virtual machine gave to others; 0 where none is told."""
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


def _answers(process: psutil.Process) -> bool:
    """Whether requests come to a process; the others supervise and follow."""
    return "_bentoml_impl.worker.service" in process.cmdline()
