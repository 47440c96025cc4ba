"""Pipelines run here, in KFP's own runner: outputs, cache, reasons, and a quiet process."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from components.common.errors import FinloopError
from components.common.settings import Settings
from pipelines.common.local import no_step_outlives_us, run_here
from pipelines.common.results import RunResult
from pipelines.common.run_log import Step
from tests.pipelines import toys


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", timezone="Europe/Lisbon")


def run(
    settings: Settings, name: str = "weighing", **arguments: str
) -> tuple[RunResult, list[Step]]:
    steps: list[Step] = []
    result = run_here(name, getattr(toys, name), dict(arguments), settings, steps.append)
    return result, steps


def states(steps: list[Step]) -> dict[str, str]:
    return {s.name: "cached" if s.cached else "ok" if s.ok else "failed" for s in steps}


def test_same_data_and_code_hit_the_cache_and_nothing_else_does(settings: Settings) -> None:
    seen = []
    for data, code in (("d1", "c1"), ("d1", "c1"), ("d1", "c2"), ("d2", "c1"), ("d1", "c1")):
        result, steps = run(settings, data_digest=data, code_digest=code)
        assert result.ok
        seen.append(states(steps)["weigh"])
        assert states(steps)["enter"] == "ok"
    assert seen == ["ok", "cached", "ok", "ok", "cached"]
    entries = (settings.home / "entries.txt").read_text().splitlines()
    assert entries == [f"Europe/Lisbon {d}" for d in ("d1", "d1", "d1", "d2", "d1")]


def test_a_cached_artifact_that_is_gone_is_made_again(settings: Settings) -> None:
    run(settings, data_digest="d", code_digest="c")
    (made,) = (settings.kfp / "runs").rglob("weight")
    made.unlink()
    result, steps = run(settings, data_digest="d", code_digest="c")
    assert result.ok
    assert states(steps)["weigh"] == "ok"


def test_outputs_steps_and_log_are_in_the_result(settings: Settings) -> None:
    result, steps = run(settings, data_digest="d", code_digest="c")
    assert result.outputs == {"Output": "Europe/Lisbon d\n"}
    assert list(result.steps) == steps
    assert [step.name for step in steps] == ["weigh", "enter"]
    assert result.log is not None
    assert result.log.parent == settings.logs
    assert f"weighing went on {settings.home}" in result.log.read_text()
    result.raise_failure()


@pytest.mark.parametrize(
    ("kind", "code", "sentence", "exit_status", "step"),
    [
        ("verdict", "verdict_no", "AUC is 0.6. ECE is 0.3", 1, "require"),
        ("ours", "disk_full", "The disk is full; free it and retry", 3, "refuse"),
        ("other", "step_failed", "KeyError: 'other'", 70, "refuse"),
    ],
)
def test_a_failed_step_gives_its_reasons(
    settings: Settings, kind: str, code: str, sentence: str, exit_status: int, step: str
) -> None:
    result, steps = run(settings, "refusing", kind=kind)
    assert not result.ok
    assert (result.code, result.exit_status, result.outputs) == (code, exit_status, {})
    assert states(steps)[step] == "failed"
    with pytest.raises(FinloopError) as caught:
        result.raise_failure()
    assert caught.value.message == (
        f"{sentence} (step {step} of refusing; its log is {result.log})."
    )
    assert int(caught.value.exit_status) == exit_status
    assert "\n" not in caught.value.message


def test_the_caller_notices_nothing(
    settings: Settings, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINLOOP_TIMEZONE", "America/New_York")
    root, before = logging.getLogger(), dict(os.environ)
    had = (root.level, root.handlers[:], sys.stdout)
    run(settings, data_digest="d", code_digest="c")
    assert (root.level, root.handlers, sys.stdout) == had
    assert dict(os.environ) == before
    assert capfd.readouterr() == ("", "")


def test_steps_leave_nothing_lying_about(settings: Settings) -> None:
    run(settings, data_digest="d", code_digest="c")
    assert {path.name for path in settings.kfp.iterdir()} <= {"runs", "cache", "workspace"}


def test_secrets_reach_the_steps_and_no_file(settings: Settings) -> None:
    secret: dict[str, Any] = {"pseudonym_key": SecretStr("very-secret-key")}
    run(settings.model_copy(update=secret), data_digest="d", code_digest="c")
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"very-secret-key" in path.read_bytes()]


def test_no_step_outlives_an_interrupted_run() -> None:
    waiting = (sys.executable, "-c", "import signal; signal.pause()")
    steps: list[subprocess.Popen[bytes]] = []
    with subprocess.Popen(waiting) as another:
        with pytest.raises(KeyboardInterrupt), no_step_outlives_us():
            steps.append(subprocess.Popen(waiting))
            raise KeyboardInterrupt
        assert steps[0].wait(timeout=60) == -signal.SIGKILL
        assert another.poll() is None
        another.kill()
