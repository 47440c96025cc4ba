"""Processes that Finloop starts: ready before they are used, stopped when their owner ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

from components.common.errors import unavailable
from components.common.notices import Board, Notice

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 15.0
_PORTS_TRIED = 100
_ASK_FOR_SIGTERM = (
    "import ctypes, os, sys; "
    "ctypes.CDLL(None).prctl(1, 15); "  # PR_SET_PDEATHSIG, SIGTERM
    "os.getppid() == int(sys.argv[1]) or os._exit(143); "  # the owner went before it was asked
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


@dataclass(frozen=True)
class Process:
    """A started process and where its output goes."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        return self.popen.poll() is None


class Supervisor:
    """Starts processes in groups of their own and stops every one of them on leaving.

    Used as a context manager. Ctrl-C, SIGTERM and any failure inside the block stop the
    processes too; on Linux they are also told to stop when their owner is killed.
    """

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self._board = Board()
        self._previous_handler: signal._HANDLER = signal.SIG_DFL

    def __enter__(self) -> Supervisor:
        if threading.current_thread() is threading.main_thread():
            self._previous_handler = signal.signal(signal.SIGTERM, _as_keyboard_interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._previous_handler)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        ready: Callable[[], bool] | str | None = None,
        timeout: float = 120.0,
    ) -> Process:
        """Start a process and wait until it is ready.

        `ready` is an address that must answer with a status below 400, or a predicate; `timeout`
        is in seconds. Raises `FinloopError("not_started")` where the process ends early or is not
        ready in time; its output is in `log`.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            popen = subprocess.Popen(
                _tied_to_owner(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        process = Process(name, popen, log)
        self.processes.append(process)
        if ready is not None:
            wait(process, ready, timeout)
        return process

    def announce(self, process: Process, address: str, health: str, folder: Path) -> None:
        """Let other commands know, as long as this owner lives, where a process answers.

        `health` is the path below `address` that tells whether all is well; see `notices`.
        """
        notice = Notice(process.name, address, f"{address}{health}", process.popen.pid)
        self._board.put_up(folder, notice)

    def stop(self) -> None:
        """Stop everything, the youngest first; what does not listen is killed."""
        self._board.take_down()
        for process in reversed(self.processes):
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        for process in reversed(self.processes):
            with suppress(subprocess.TimeoutExpired):
                process.popen.wait(max(0.0, deadline - time.monotonic()))
            _signal_group(process, signal.SIGKILL)  # grandchildren that outlived their parent
            process.popen.wait()
        self.processes.clear()


def free_port(preferred: int) -> int:
    """The preferred port of loopback, or the next free one above it.

    Raises `FinloopError("no_free_port")` where none of the next hundred is free.
    """
    for port in range(preferred, preferred + _PORTS_TRIED):
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise unavailable(
        "no_free_port",
        f"No port from {preferred} to {preferred + _PORTS_TRIED - 1} is free; "
        "free one or set another.",
    )


def answers(address: str, timeout: float = 2.0) -> bool:
    """Whether an HTTP address answers with a status below 400."""
    try:
        with urllib.request.urlopen(address, timeout=timeout) as response:  # noqa: S310 - ours
            return response.status < 400
    except (urllib.error.URLError, OSError, ValueError):
        return False


def wait(
    process: Process,
    ready: Callable[[], bool] | str,
    timeout: float = 120.0,
    what: Callable[[], str] = str,
) -> None:
    """Wait until a started process is ready, as `Supervisor.start` does.

    `what` says, where it is not ready in time, for what it should have been and what is missing.
    """
    deadline = time.monotonic() + timeout
    while not (answers(ready) if isinstance(ready, str) else ready()):
        if not process.running:
            _fail(process, f"ended with status {process.popen.returncode}")
        if time.monotonic() > deadline:
            said = f"was not ready within {timeout:.0f} seconds"
            _fail(process, f"{said} {what()}".rstrip())
        time.sleep(_POLL_SECONDS)


def _fail(process: Process, how: str) -> None:
    raise unavailable("not_started", f"{process.name} {how}; its output is in {process.log}.")


def _signal_group(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.popen.pid, number)


def _as_keyboard_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _tied_to_owner(argv: Sequence[str]) -> list[str]:
    """The same program, told by the kernel to stop when its owner is killed (Linux only).

    A tiny program asks for the signal and then becomes `argv`; `preexec_fn` would do it in one
    step less, but may deadlock in an owner that has threads.
    """
    if sys.platform != "linux":
        return list(argv)
    return [sys.executable, "-ISc", _ASK_FOR_SIGTERM, str(os.getpid()), *argv]
