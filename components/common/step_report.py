"""How a pipeline step says why it failed: one marked line in its output.

The same line is in the log of a local run, where the launcher reads it, and in the log of the pod.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from components.common.errors import Exit, FinloopError

MARK = "finloop-step-failed "


@dataclass(frozen=True)
class Failure:
    """Why a step failed: a stable code, one sentence, and the exit status of a command."""

    code: str
    message: str
    exit_status: int


@contextmanager
def reported() -> Iterator[None]:
    """Run the body of a step; an error leaves its marked line before it goes on."""
    try:
        yield
    except Exception as error:
        sys.stdout.write(f"\n{MARK}{json.dumps(asdict(_failure(error)))}\n")
        sys.stdout.flush()
        raise


def find_failure(line: str) -> Failure | None:
    """The failure that a line of output tells of, if it does."""
    _, mark, told = line.partition(MARK)
    return Failure(**json.loads(told)) if mark else None


def _failure(error: Exception) -> Failure:
    if isinstance(error, FinloopError):
        return Failure(error.code, error.message, int(error.exit_status))
    first = (str(error).strip() or "no message").splitlines()[0]
    return Failure("step_failed", f"{type(error).__name__}: {first}", int(Exit.UNEXPECTED))
