"""What was decided since the online store was written last: nobody waits for a batch to be seen."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from components.common.ledger import Named
from components.common.records import Decision

Happened = TypeVar("Happened")


class Lately(NamedTuple, Generic[Happened]):
    """What was decided lately, and where the ledger has it."""

    event: Happened
    position: int | None
    """None until the ledger was read that far."""


class Recent(Generic[Happened]):
    """Events of decided subjects by entity, kept until the online store holds them.

    A worker adds what it decided at once, and everything that the ledger shows it, so that it
    also knows what other workers decided and what was decided before it started.
    """

    def __init__(self, event_of: Callable[[Decision], Happened]) -> None:
        self._event_of = event_of
        self._events: dict[str, dict[str, Lately[Happened]]] = {}
        self._written: deque[tuple[int, str, str]] = deque()
        self._lock = threading.Lock()

    def add(
        self, decision: Decision, position: int | None = None, event: Happened | None = None
    ) -> None:
        """Remember what a decision was about; a second time it only learns the position.

        `event` is what the decision was about, where that is known without reading it again.
        """
        with self._lock:
            events = self._events.setdefault(decision.entity_id, {})
            known = events.get(decision.decision_id)
            if known is None:
                known = Lately(event or self._event_of(decision), position)
            events[decision.decision_id] = known._replace(position=position or known.position)

    def add_written(self, decisions: Sequence[tuple[int, Decision]]) -> None:
        """Remember decisions of the ledger, each with its position there."""
        for position, decision in decisions:
            self.add(decision, position)
            self._written.append((position, decision.entity_id, decision.decision_id))

    def learn(self, written: Sequence[Named]) -> bool:
        """Learn where the ledger has what is known; False, and nothing, where one is not known."""
        with self._lock:
            known = [self._events.get(one.entity_id, {}).get(one.decision_id) for one in written]
            if None in known:
                return False
            for one, lately in zip(written, known, strict=True):
                assert lately is not None  # noqa: S101 - looked at just now
                events = self._events[one.entity_id]
                events[one.decision_id] = lately._replace(position=one.seq)
                self._written.append((one.seq, one.entity_id, one.decision_id))
            return True

    def forget(self, position: int) -> None:
        """Drop what the online store holds: everything written up to that position."""
        with self._lock:
            while self._written and self._written[0][0] <= position:
                _, entity, decision_id = self._written.popleft()
                events = self._events.get(entity, {})
                events.pop(decision_id, None)
                if not events:
                    self._events.pop(entity, None)

    def of(self, entity_id: str) -> list[Lately[Happened]]:
        """What happened to an entity lately, in no order."""
        with self._lock:
            return list(self._events.get(entity_id, {}).values())

    def __len__(self) -> int:
        with self._lock:
            return sum(len(events) for events in self._events.values())
