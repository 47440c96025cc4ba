"""Score what was just answered with the version in shadow, after the caller has the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Protocol

from components.common.errors import FinloopError
from components.common.records import Shadow
from serving.common.metrics import metrics
from serving.common.models import Model
from serving.common.recorder import Recorder
from serving.common.scoring import ScoreError, probability

_LONGEST_QUEUE = 10_000
_LARGEST_GROUP = 100

_log = logging.getLogger("finloop.serving")


class ToAnswer(Protocol):
    """A decision that another version has yet to answer."""

    @property
    def decision_id(self) -> str: ...

    @property
    def model(self) -> Model: ...

    def answer(self) -> tuple[float, str]:
        """Its score and its decision; raises `ScoreError` where it has none."""
        ...


@dataclass(frozen=True)
class ToScore:
    """A decision that another version has yet to score."""

    decision_id: str
    model: Model
    features: Mapping[str, Any]
    decide: Callable[[float, Model], str]
    """The decision that a probability leads to."""

    def answer(self) -> tuple[float, str]:
        """The probability by that version, and the decision it leads to."""
        score = probability(self.model, self.features)
        return score, self.decide(score, self.model)


class Shadowing:
    """A queue beside the requests. What does not fit is dropped and counted, never waited for."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._queue: asyncio.Queue[ToAnswer] = asyncio.Queue(_LONGEST_QUEUE)
        self._task: asyncio.Task[None] | None = None

    def add(self, wanted: ToAnswer) -> None:
        """Score this later."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
        try:
            self._queue.put_nowait(wanted)
        except asyncio.QueueFull:
            _count(wanted.model, "dropped")

    async def idle(self) -> None:
        """Wait until everything that was added is scored."""
        await self._queue.join()

    async def close(self) -> None:
        """Score what still waits, then stop."""
        if self._task is not None:
            await self.idle()
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        while True:
            group = [await self._queue.get()]
            while not self._queue.empty() and len(group) < _LARGEST_GROUP:
                group.append(self._queue.get_nowait())
            shadows = await asyncio.to_thread(lambda: [shadow_of(one) for one in group])  # noqa: B023
            await self._record(shadows)
            for one, shadow in zip(group, shadows, strict=True):
                _count(one.model, "failed" if shadow.error else "scored")
                self._queue.task_done()

    async def _record(self, shadows: list[Shadow]) -> None:
        try:
            await self._recorder.record(*shadows)
        except FinloopError as error:
            _log.error("%d shadow scores were lost: %s", len(shadows), error.message)


def shadow_of(wanted: ToAnswer) -> Shadow:
    """The shadow score of one decision; a failure of the model is part of the record."""
    started = perf_counter()
    score = decision = error = None
    try:
        score, decision = wanted.answer()
    except ScoreError as failure:
        error = str(failure)
    return Shadow(
        decision_id=wanted.decision_id,
        model=wanted.model.name,
        version=wanted.model.release.version,
        score=score,
        decision=decision,
        latency_ms=(perf_counter() - started) * 1000,
        error=error,
        recorded_at=datetime.now(UTC),
    )


def _count(model: Model, outcome: str) -> None:
    metrics().shadows.labels(model.name, model.release.version, outcome).inc()
