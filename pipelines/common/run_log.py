"""What KFP prints while it runs a pipeline here: all of it into a file, the steps out of it."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from components.common.step_report import Failure, find_failure

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STARTED = re.compile(r"Executing task '([^']+)'")
_ENDED = re.compile(r"Task '([^']+)' finished with status (SUCCESS|FAILURE)")
_CACHED = re.compile(r"Task (\S+) cache hit \(key=(\w+)\)")


@dataclass(frozen=True)
class Step:
    """One step of a run: whether it did its work, and how long it took (seconds)."""

    name: str
    ok: bool
    seconds: float
    cached: bool = False
    """Whether an earlier run had done the same work, so that its results were taken."""


class RunLog(io.TextIOBase):
    """A text stream that keeps what is written to it and notices how the steps fare."""

    def __init__(
        self,
        path: Path,
        notice: Callable[[Step], None] = lambda step: None,
        used: Callable[[str], None] = lambda key: None,
    ) -> None:
        """`notice` is told of each step, and `used` the beginning of the key of each cache hit."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.steps: list[Step] = []
        self.failure: Failure | None = None
        self._notice = notice
        self._used = used
        self._file = path.open("a", encoding="utf-8")
        self._line = ""
        self._began: dict[str, float] = {}

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        """Keep the text; every whole line of it is looked at once."""
        plain = _COLOUR.sub("", text)
        self._file.write(plain)
        *lines, self._line = (self._line + plain).split("\n")
        for line in lines:
            self._look_at(line)
        return len(text)

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        self._file.close()
        super().close()

    def _look_at(self, line: str) -> None:
        if started := _STARTED.search(line):
            self._began[started[1]] = time.monotonic()
        elif ended := _ENDED.search(line):
            seconds = time.monotonic() - self._began.get(ended[1], time.monotonic())
            self._add(Step(ended[1], ended[2] == "SUCCESS", round(seconds, 1)))
        elif cached := _CACHED.search(line):
            self._used(cached[2])
            self._add(Step(cached[1], True, 0.0, cached=True))
        elif failure := find_failure(line):
            self.failure = failure

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        self._notice(step)
