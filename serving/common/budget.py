"""How long a decision waits for a model: what takes longer is left out, and not asked meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from typing import TypeVar

T = TypeVar("T")


class LateError(Exception):
    """No answer within the budget."""


class Budget:
    """Time of one call per key (a model's digest); each key has a thread of its own.

    A call that is late goes on in its thread, because nobody can stop it; until it has ended,
    further calls of that key are late at once, so that requests neither queue up nor wait. Without
    a budget calls are made on the caller's thread, and cost nothing more.
    """

    def __init__(self, milliseconds: float | None = None) -> None:
        self.milliseconds = milliseconds
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._late: dict[str, Future[object]] = {}

    def call(self, key: str, work: Callable[[], T]) -> T:
        """The result of `work`; raises `LateError`, or what `work` raises."""
        if self.milliseconds is None:
            return work()
        late = self._late.get(key)
        if late is not None and not late.done():
            raise LateError(key)
        future = self._thread(key).submit(work)
        try:
            return future.result(self.milliseconds / 1000)
        except TooLong:
            if future.done():  # the work itself said so
                raise
            self._late[key] = future  # type: ignore[assignment]
            raise LateError(key) from None

    def _thread(self, key: str) -> ThreadPoolExecutor:
        if key not in self._threads:
            self._threads[key] = ThreadPoolExecutor(1, thread_name_prefix="model")
        return self._threads[key]

    def keep(self, keys: set[str]) -> None:
        """Let go of the threads of models that are served no more."""
        for key in set(self._threads) - keys:
            self._threads.pop(key).shutdown(wait=False)
            self._late.pop(key, None)


UNLIMITED = Budget()
