"""Metrics are made once, whoever asks first."""

from __future__ import annotations

import subprocess
import sys

_AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from serving.common.metrics import metrics
sys.setswitchinterval(1e-6)
barrier = Barrier(8)
def ask(_):
    barrier.wait()
    return id(metrics())
with ThreadPoolExecutor(8) as pool:
    print(len(set(pool.map(ask, range(8)))))
"""


def test_threads_that_ask_at_one_moment_get_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AT_ONCE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
