"""One build of the feature tables in a process of its own, so that its memory can be told.

`python -m benchmarks.features_build LAKE OUT TIMEZONE` prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True)
class Build:
    """What one build took."""

    seconds: float
    peak_memory_gb: float


def build_apart(lake: Path, out: Path, timezone: str) -> Build:
    """Build in a child process and say what it took; its own error goes to standard error."""
    command = [sys.executable, "-m", "benchmarks.features_build", str(lake), str(out), timezone]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Build(**json.loads(done.stdout))


def main(lake: str, out: str, timezone: str) -> None:
    """Build, and print seconds and peak memory."""
    from components.fraud.features import build_feature_tables

    began = perf_counter()
    build_feature_tables(Path(lake), Path(out), timezone)
    seconds = perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024  # macOS tells bytes, Linux kilobytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_memory_gb": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
