"""Started processes are ready when `start` returns, and none outlives its owner."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from components.common import processes
from components.common.errors import FinloopError
from components.common.processes import Process, Supervisor, answers, free_port

SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]


def _eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_a_server_is_ready_when_start_returns_and_gone_after_the_block(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{(port := free_port(18000))}/"
    with Supervisor() as supervisor:
        process = supervisor.start("web", [*SERVER, str(port)], log=tmp_path / "l", ready=address)
        assert answers(address)
    assert process.popen.returncode is not None
    assert not answers(address)


def test_a_failure_inside_the_block_stops_the_processes(tmp_path: Path) -> None:
    supervisor = Supervisor()
    started: list[Process] = []
    with pytest.raises(RuntimeError), supervisor:
        started.append(supervisor.start("nap", ["sleep", "600"], log=tmp_path / "log"))
        raise RuntimeError
    assert started[0].popen.returncode == -signal.SIGTERM


def test_grandchildren_are_stopped_even_when_they_do_not_listen(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"trap '' TERM; sleep 600 & echo $! > {note}.new; mv {note}.new {note}; exec sleep 600"
    with Supervisor() as supervisor:
        supervisor.start("family", ["sh", "-c", script], log=tmp_path / "log", ready=note.exists)
        grandchild = int(note.read_text())
        supervisor.processes[0].popen.kill()
    assert _eventually(lambda: not _alive(grandchild))


def test_a_process_that_ends_early_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(FinloopError) as error, Supervisor() as supervisor:
        supervisor.start(
            "broken", ["sh", "-c", "exit 7"], log=tmp_path / "log", ready=lambda: False
        )
    assert error.value.code == "not_started"
    assert "broken ended with status 7" in error.value.message


def test_killing_the_owner_stops_its_processes(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            from pathlib import Path
            from components.common.processes import Supervisor
            with Supervisor() as supervisor:
                log = Path({str(tmp_path / "log")!r})
                process = supervisor.start("nap", ["sleep", "600"], log=log)
                note = Path({str(note)!r})
                note.with_suffix(".new").write_text(str(process.popen.pid))
                note.with_suffix(".new").rename(note)
                process.popen.wait()
        """)]
    )  # fmt: skip
    assert _eventually(note.exists)
    owner.kill()
    owner.wait()
    assert _eventually(lambda: not _alive(int(note.read_text())))


def test_a_process_whose_owner_is_gone_already_never_begins(tmp_path: Path) -> None:
    """The owner may be killed before the new process has asked for the signal."""
    tied = processes._tied_to_owner(["touch", str(tmp_path / "began")])
    at = tied.index(str(os.getpid()))
    orphan = subprocess.run([*tied[:at], "1", *tied[at + 1 :]], check=False)
    assert orphan.returncode == 128 + signal.SIGTERM
    assert not (tmp_path / "began").exists()
    assert subprocess.run(tied, check=False).returncode == 0
    assert (tmp_path / "began").exists()


def test_sigterm_ends_the_block_in_order(tmp_path: Path) -> None:
    started: list[Process] = []
    with pytest.raises(KeyboardInterrupt), Supervisor() as supervisor:
        started.append(supervisor.start("nap", ["sleep", "600"], log=tmp_path / "log"))
        os.kill(os.getpid(), signal.SIGTERM)
    assert started[0].popen.returncode == -signal.SIGTERM


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
