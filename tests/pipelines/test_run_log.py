"""What KFP prints is kept, and the steps are read out of it."""

from __future__ import annotations

import json
from pathlib import Path

from components.common.step_report import MARK, Failure
from pipelines.common.run_log import RunLog, Step

CYAN, GREEN, RED, RESET = "\x1b[96m", "\x1b[92m", "\x1b[91m", "\x1b[0m"


def test_steps_are_noticed_as_they_end(tmp_path: Path) -> None:
    noticed: list[Step] = []
    with RunLog(tmp_path / "logs" / "run.log", noticed.append) as log:
        log.write(f"12:00 - INFO - Executing task {CYAN}'ingest'{RESET}\n")
        assert noticed == []
        log.write(f"Task {CYAN}'ingest'{RESET} finished with status {GREEN}SUCCESS{RESET}\n")
        log.write("Task validate cache hit (key=0123456789ab); skipping execution.\n")
        log.write(f"Executing task {CYAN}'build-features'{RESET}\nTask {CYAN}'build-")
        log.write(f"features'{RESET} finished with status {RED}FAILURE{RESET}\n")
        told = [(step.name, step.ok, step.cached) for step in noticed]
    assert told == [
        ("ingest", True, False),
        ("validate", True, True),
        ("build-features", False, False),
    ]
    assert "\x1b" not in (tmp_path / "logs" / "run.log").read_text()


def test_the_reason_of_a_step_is_found_within_what_it_prints(tmp_path: Path) -> None:
    failure = {"code": "no_file", "message": "There is no file “x”.", "exit_status": 2}
    with RunLog(tmp_path / "run.log") as log:
        log.write("    ")  # KFP indents before every line
        log.write(f"{MARK}{json.dumps(failure)}\n")
        log.write("    Traceback (most recent call last):\n")
        assert log.failure == Failure(**failure)


def test_what_a_program_prints_about_tasks_of_its_own_is_no_step(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run.log") as log:
        log.write("Task finished with status SUCCESS\nExecuting task\n")
        assert log.steps == []
