"""Carry decided subjects from the ledger into the online store, in micro-batches.

Runs in one process per host, beside `sync`, and is the only writer of the views it writes, so
that no batch of the data pipeline can overwrite what was decided meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from components.common.ledger import Ledger
from components.common.records import Decision
from serving.common.domain import Carried, DomainService
from serving.common.online_features import OnlineFeatures
from serving.common.position import Position

_BATCH = 500


class Carrier:
    """Follows the ledger for every domain whose decisions later decisions need."""

    def __init__(
        self,
        open_ledger: Callable[[], Ledger],
        online: OnlineFeatures,
        position: Position,
        services: Iterable[DomainService],
    ) -> None:
        self._open_ledger = open_ledger
        self._ledger: Ledger | None = None
        self._online = online
        self._position = position
        self._carried = {one.name: one.carried for one in services if one.carried is not None}

    def step(self) -> int:
        """Carry what was decided since the last step; how many decisions that were.

        The position is written after the rows, so that a crash between the two carries the same
        decisions again, which changes nothing. Raises `FinloopError` and stays where it was while
        the online store cannot be used.
        """
        self._online.refresh()
        self._position.follow(self._online.identity())
        self._ledger = self._ledger or self._open_ledger()
        return sum(self._step(name, carried) for name, carried in self._carried.items())

    def _step(self, domain: str, carried: Carried) -> int:
        assert self._ledger is not None  # noqa: S101 - opened by `step`
        count, position = 0, self._position.read(domain)
        while found := self._ledger.decisions_after(position, _BATCH):
            mine = [one for one in found if one[1].domain == domain]
            if mine:
                self._online.write(carried.view, self._rows(carried, mine))
            position = found[-1][0]
            self._position.write(domain, position)
            count += len(mine)
        return count

    def _rows(
        self, carried: Carried, decisions: list[tuple[int, Decision]]
    ) -> list[dict[str, Any]]:
        by_entity: dict[str, list[tuple[int, Any]]] = {}
        for position, decision in decisions:
            event = (position, carried.event_of(decision))
            by_entity.setdefault(decision.entity_id, []).append(event)
        stored = self._online.stored(carried.view, list(by_entity))
        return [
            {carried.entity: entity, **carried.merge(columns, events)}
            for (entity, events), columns in zip(by_entity.items(), stored, strict=True)
        ]
