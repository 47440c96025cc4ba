"""The one shape in which every benchmark reports."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

Say = Callable[[str], None]
"""Tells a person how far it is."""


@dataclass(frozen=True)
class Row:
    """One measured number. Cases and metrics keep their names, so that runs compare."""

    case: str
    metric: str
    value: float
    unit: str
    peer: float | None = None
    """The same of the alternative that the benchmark names, measured in the same run."""


@dataclass(frozen=True)
class Report:
    """One run of a benchmark."""

    name: str
    seconds: float
    machine: str
    rows: tuple[Row, ...]

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {
            "name": self.name,
            "seconds": round(self.seconds, 1),
            "machine": self.machine,
            "rows": [asdict(row) for row in self.rows],
        }


class Benchmark(Protocol):
    """A module of this folder: its docstring says what it claims and against whom."""

    __doc__: str | None

    def run(self, data: Path | None, say: Say) -> tuple[Row, ...]:
        """Measure. `data` is the folder given with `--data`, where the benchmark reads one."""
        ...


def describe_machine() -> str:
    """The machine in one line: system, processor, cores, memory."""
    import psutil

    memory = psutil.virtual_memory().total / 2**30
    processor = platform.processor() or platform.machine()
    return f"{platform.system()} {processor}, {os.cpu_count()} cores, {memory:.0f} GB"
