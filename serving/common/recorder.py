"""Group commit: what requests record at the same time shares one transaction of the ledger."""

from __future__ import annotations

import asyncio
import queue
import threading
from dataclasses import dataclass

from components.common.errors import FinloopError, unavailable
from components.common.ledger import Ledger, Record

_LARGEST_GROUP = 256

Outcome = list[bool] | Exception


@dataclass(frozen=True)
class _Waiting:
    records: tuple[Record, ...]
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[list[bool]]


class Recorder:
    """One thread that writes; callers wait until their records are durable."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write_on, name="recorder", daemon=True)
        self._thread.start()

    async def record(self, *records: Record) -> list[bool]:
        """Write records durably, all or none; False for each one that was there already.

        Raises `FinloopError("ledger_unavailable")` where they were not written.
        """
        if self._closed:
            raise unavailable(
                "ledger_unavailable", "The service is stopping, so nothing was decided; retry."
            )
        loop = asyncio.get_running_loop()
        waiting = _Waiting(records, loop, loop.create_future())
        self._queue.put(waiting)
        return await waiting.result

    @property
    def waiting(self) -> int:
        """How many callers the writer has not taken up yet."""
        return self._queue.qsize()

    def close(self) -> None:
        """Write what still waits, then stop."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _write_on(self) -> None:
        while True:
            group = self._next_group()
            waiting = [one for one in group if one is not None]
            if waiting:
                _hand_out(waiting, self._write(waiting))
            if len(waiting) < len(group):
                return

    def _next_group(self) -> list[_Waiting | None]:
        group = [self._queue.get()]
        while group[-1] is not None and len(group) < _LARGEST_GROUP:
            try:
                group.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return group

    def _write(self, group: list[_Waiting]) -> list[Outcome]:
        try:
            written = self.ledger.append([record for one in group for record in one.records])
        except FinloopError as error:
            return [error] * len(group)
        except Exception as error:  # noqa: BLE001 - a record of one caller must not cost the others
            return [error] if len(group) == 1 else [self._write([one])[0] for one in group]
        marks = iter(written)
        return [[next(marks) for _ in one.records] for one in group]


def _hand_out(group: list[_Waiting], outcomes: list[Outcome]) -> None:
    loops = {one.loop for one in group}
    for loop in loops:
        mine = [pair for pair in zip(group, outcomes, strict=True) if pair[0].loop is loop]
        try:
            loop.call_soon_threadsafe(_resolve, mine)
        except RuntimeError:  # the loop is gone, and with it everyone who waited on it
            continue


def _resolve(outcomes: list[tuple[_Waiting, Outcome]]) -> None:
    for waiting, outcome in outcomes:
        if waiting.result.done():  # the caller went away; what it recorded stays recorded
            continue
        if isinstance(outcome, Exception):
            waiting.result.set_exception(outcome)
        else:
            waiting.result.set_result(outcome)
