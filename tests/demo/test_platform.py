"""Processes beside the story: one that ends well is waited for, one that fails stops the story."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.common.errors import FinloopError
from components.common.processes import Process, Supervisor
from demo.platform import await_end


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as supervisor:
        yield supervisor


def _started(supervisor: Supervisor, folder: Path, program: str) -> Process:
    return supervisor.start("night", (sys.executable, "-c", program), log=folder / "night.log")


def test_a_process_that_ends_well_has_done_its_work(supervisor: Supervisor, tmp_path: Path) -> None:
    done = tmp_path / "done"
    await_end(_started(supervisor, tmp_path, f"open({str(done)!r}, 'w').close()"))
    assert done.exists()


def test_a_process_that_fails_is_named_with_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    failing = _started(supervisor, tmp_path, "raise SystemExit(3)")
    with pytest.raises(FinloopError, match="night ended with status 3") as failed:
        await_end(failing)
    assert str(tmp_path / "night.log") in failed.value.message
