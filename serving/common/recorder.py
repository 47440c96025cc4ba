"""Group commit: what requests record at the same time shares one transaction of the ledger.

A transaction is made where the requests are, and only its commit, which waits for the disk, in a
thread: a thread that made every row beside the requests would fight them for the interpreter. Where
somebody else is writing, or the database is across a network, the thread does all of it and waits.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from components.common.errors import FinloopError, unavailable
from components.common.ledger import Begun, Ledger, Record

_LARGEST_GROUP = 64

Outcome = list[bool] | Exception


@dataclass(frozen=True)
class _Waiting:
    records: tuple[Record, ...]
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[list[bool]]


_Group = list[_Waiting]


class Recorder:
    """The one writer of a worker; callers wait until their records are durable."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._waiting: deque[_Waiting] = deque()
        self._busy = False
        """Whether a group is under way; only who finds it false, or ends a group, begins one."""
        self._closed = False
        self._lock = threading.Lock()
        self._groups: queue.SimpleQueue[tuple[_Group, Begun | None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_on, name="recorder", daemon=True)
        self._thread.start()

    async def record(self, *records: Record) -> list[bool]:
        """Write records durably, all or none; False for each one that was there already.

        Raises `FinloopError("ledger_unavailable")` where they were not written.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(records, loop, loop.create_future())
        with self._lock:
            if self._closed:
                raise unavailable(
                    "ledger_unavailable", "The service is stopping, so nothing was decided; retry."
                )
            self._waiting.append(waiting)
            idle, self._busy = not self._busy, True
        if idle:
            loop.call_soon(self._begin)  # after everyone who is ready to record now
        return await waiting.result

    @property
    def waiting(self) -> int:
        """How many callers no transaction has taken up yet."""
        return len(self._waiting)

    def close(self) -> None:
        """Write what still waits, then stop."""
        with self._lock:
            self._closed = True
        self._groups.put(None)
        self._thread.join()

    def _begin(self) -> None:
        """Begin a transaction for everyone who waits; the thread commits it, or makes all of it."""
        with self._lock:  # until it is handed over: `close` comes before it or after it
            if not self._closed and (group := self._taken()):
                self._groups.put((group, self.ledger.begin(_records(group))))

    def _taken(self) -> _Group:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), _LARGEST_GROUP))]

    def _write_on(self) -> None:
        while (handed := self._groups.get()) is not None:
            group, begun = handed
            _hand_out(group, self._write(group) if begun is None else _committed(group, begun))
            self._go_on()
        while group := self._taken():
            _hand_out(group, self._write(group))

    def _go_on(self) -> None:
        """Have the next group begun where it waits; here where its loop is gone."""
        with self._lock:
            if not self._waiting:
                self._busy = False
                return
            try:
                self._waiting[0].loop.call_soon_threadsafe(self._begin)
            except RuntimeError:
                self._groups.put((self._taken(), None))

    def _write(self, group: _Group) -> list[Outcome]:
        try:
            return _by_caller(group, self.ledger.append(_records(group)))
        except FinloopError as error:
            return [error] * len(group)
        except Exception as error:  # noqa: BLE001 - a record of one caller must not cost the others
            return [error] if len(group) == 1 else [self._write([one])[0] for one in group]


def _committed(group: _Group, begun: Begun) -> list[Outcome]:
    try:
        return _by_caller(group, begun.commit())
    except Exception as error:  # noqa: BLE001 - everyone who waits must hear of it
        return [error] * len(group)


def _records(group: _Group) -> list[Record]:
    return [record for one in group for record in one.records]


def _by_caller(group: _Group, written: Sequence[bool]) -> list[Outcome]:
    marks = iter(written)
    return [[next(marks) for _ in one.records] for one in group]


def _hand_out(group: _Group, outcomes: list[Outcome]) -> None:
    for loop in {one.loop for one in group}:
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
