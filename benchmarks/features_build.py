"""One build of the feature tables in a process of its own, so that its memory can be told.

`python -m benchmarks.features_build LAKE OUT TIMEZONE` prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time


@dataclass(frozen=True)
class Build:
    """What one build took."""

    seconds: float
    cpu_seconds: float
    """Of all threads: tells growth also where the machine is shared."""
    peak_memory_gb: float


def build_apart(lake: Path, out: Path, timezone: str) -> Build:
    """Build in a child process and say what it took; its own error goes to standard error."""
    command = [sys.executable, "-m", "benchmarks.features_build", str(lake), str(out), timezone]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Build(**json.loads(done.stdout))


def main(lake: str, out: str, timezone: str) -> None:
    """Build, and print what it took."""
    from components.fraud.features.build import build_feature_tables

    began, worked = perf_counter(), process_time()
    build_feature_tables(Path(lake), Path(out), timezone)
    built = Build(perf_counter() - began, process_time() - worked, peak_memory_gb())
    sys.stdout.write(json.dumps(asdict(built)))


def peak_memory_gb() -> float:
    """Most memory that this process held at once.

    Linux lets a child begin with its parent's maximum in `ru_maxrss`; its own is in its status.
    """
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # macOS tells bytes, others kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


if __name__ == "__main__":
    main(*sys.argv[1:])
