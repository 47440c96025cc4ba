"""Run a pipeline in processes of this machine, with KFP's own local runner."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from components.common.environment import environment
from components.common.errors import Exit
from components.common.settings import Settings
from components.common.step_report import Failure
from pipelines.common.pruning import CACHE, RUNS, note_use, prune
from pipelines.common.results import RunResult
from pipelines.common.run_log import RunLog, Step


def run_here(
    name: str,
    pipeline: Callable[..., Any],
    arguments: dict[str, Any],
    settings: Settings,
    notice: Callable[[Step], None],
) -> RunResult:
    """Run the steps one after another; what they print goes to a log under `settings.logs`.

    Not to be called from two threads at once: KFP's local session belongs to the process.
    """
    run_id = f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    with (
        RunLog(settings.logs / f"{run_id}.log", notice, partial(note_use, settings.kfp)) as log,
        environment(settings),
        _scratch(settings),
        _captured(log),
        no_step_outlives_us(),
    ):
        outputs = _execute(pipeline, arguments, settings, log)
    prune(settings.kfp, settings.keep_runs)
    if outputs is not None:
        return RunResult(name, True, run_id, outputs, steps=tuple(log.steps), log=log.path)
    why = log.failure or Failure(
        "step_failed", "The step ended without saying why", int(Exit.UNEXPECTED)
    )
    return RunResult(
        name,
        False,
        run_id,
        reasons=(why.message,),
        exit_status=why.exit_status,
        code=why.code,
        steps=tuple(log.steps),
        log=log.path,
    )


def _execute(
    pipeline: Callable[..., Any], arguments: dict[str, Any], settings: Settings, log: RunLog
) -> dict[str, Any] | None:
    """Outputs of the pipeline by name; None where a step failed."""
    from kfp import local

    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(settings.kfp / RUNS),
        workspace_root=str(settings.kfp / "workspace"),
        raise_on_error=False,
        enable_caching=True,
        cache_root=str(settings.kfp / CACHE),
    )
    task = pipeline(**arguments)
    if any(not step.ok for step in log.steps):
        return None
    return {name: _plain(value) for name, value in task.outputs.items()}


@contextmanager
def _scratch(settings: Settings) -> Iterator[None]:
    """Keep what the steps leave lying about under `settings.kfp`, and clear it away."""
    settings.kfp.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=settings.kfp) as folder:
        os.environ["TMPDIR"] = folder  # within `environment`, which restores it
        yield


@contextmanager
def no_step_outlives_us() -> Iterator[None]:
    """Stop the processes that were started meanwhile where the block is left by an exception.

    KFP waits for its steps, but lets them run on where it is interrupted: Ctrl-C in a terminal
    reaches them as well, a signal to this process alone does not.
    """
    import psutil

    own = psutil.Process()
    before = set(own.children(recursive=True))
    try:
        yield
    except BaseException:
        for child in set(own.children(recursive=True)) - before:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        raise


@contextmanager
def _captured(log: RunLog) -> Iterator[None]:
    """Send what KFP prints and logs into the log, and leave logging as it was."""
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    root.handlers = [logging.StreamHandler(log)]
    root.setLevel(logging.INFO)  # a cache hit is told at this level
    try:
        with redirect_stdout(log), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(before[0])
        root.handlers = before[1]


def _plain(value: Any) -> Any:
    """A parameter as it is, an artifact as its path."""
    return value if isinstance(value, str | int | float | bool | list | dict) else value.path
