"""What was decided since the online store was written last: nobody waits for a batch to be seen."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from components.common.records import Decision

Happened = TypeVar("Happened")


class Recent(Generic[Happened]):
    """Events of decided subjects by entity, kept until the online store holds them.

    A worker adds what it decided at once, and everything that the ledger shows it, so that it
    also knows what other workers decided and what was decided before it started.
    """

    def __init__(self, event_of: Callable[[Decision], Happened]) -> None:
        self._event_of = event_of
        self._events: dict[str, dict[str, Happened]] = {}
        self._written: deque[tuple[int, str, str]] = deque()
        self._lock = threading.Lock()

    def add(self, decision: Decision) -> None:
        """Remember what a decision was about; a second time changes nothing."""
        with self._lock:
            events = self._events.setdefault(decision.entity_id, {})
            if decision.decision_id not in events:
                events[decision.decision_id] = self._event_of(decision)

    def add_written(self, decisions: Sequence[tuple[int, Decision]]) -> None:
        """Remember decisions of the ledger, each with its position there."""
        for position, decision in decisions:
            self.add(decision)
            self._written.append((position, decision.entity_id, decision.decision_id))

    def forget(self, position: int) -> None:
        """Drop what the online store holds: everything written up to that position."""
        with self._lock:
            while self._written and self._written[0][0] <= position:
                _, entity, decision_id = self._written.popleft()
                events = self._events.get(entity, {})
                events.pop(decision_id, None)
                if not events:
                    self._events.pop(entity, None)

    def of(self, entity_id: str) -> list[Happened]:
        """What happened to an entity lately, in no order."""
        with self._lock:
            return list(self._events.get(entity_id, {}).values())

    def __len__(self) -> int:
        with self._lock:
            return sum(len(events) for events in self._events.values())
