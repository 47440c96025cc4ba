"""A watcher outlives every failure of what it does, and says each of them once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import pytest

from components.common.errors import unavailable
from serving.common.watching import repeat


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged, whatever another test did to our logger."""
    logger = logging.getLogger("finloop")
    before, logger.propagate = logger.propagate, True
    yield caplog
    logger.propagate = before


def run(outcomes: list[Exception | None]) -> int:
    """Repeat a step with these outcomes, then stop it; how often it was called."""
    calls = 0

    async def watch() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        await repeat(step(loop, stop), 0.0, stop)

    def step(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Callable[[], None]:
        def once() -> None:
            nonlocal calls
            calls += 1
            if calls == len(outcomes):
                loop.call_soon_threadsafe(stop.set)
            outcome = outcomes[calls - 1]
            if outcome is not None:
                raise outcome

        return once

    asyncio.run(watch())
    return calls


def test_it_goes_on_until_it_is_stopped() -> None:
    assert run([None] * 5) >= 5


def test_a_failure_does_not_end_it() -> None:
    assert run([ValueError("x"), unavailable("down", "It is down."), None]) >= 3


def test_the_same_failure_is_said_once(said: pytest.LogCaptureFixture) -> None:
    run([unavailable("down", "MLflow is down.")] * 4)
    assert said.text.count("MLflow is down.") == 1


def test_a_failure_that_comes_back_is_said_again(said: pytest.LogCaptureFixture) -> None:
    down = unavailable("down", "MLflow is down.")
    run([down, None, down, None])
    assert said.text.count("MLflow is down.") == 2


def test_what_nobody_expected_is_said_with_its_trace(said: pytest.LogCaptureFixture) -> None:
    run([ValueError("odd"), ValueError("odd"), None])
    assert said.text.count("ValueError: odd") == 1
