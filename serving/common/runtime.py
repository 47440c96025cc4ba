"""Everything one worker holds: models, features, ledger, and what keeps them fresh."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from components import find_model
from components.common.errors import unavailable
from components.common.ledger import Ledger, open_ledger
from components.common.records import Decision
from components.common.settings import Settings
from serving.common.budget import Budget
from serving.common.domain import DomainService
from serving.common.metrics import metrics
from serving.common.models import Model, Models
from serving.common.online_features import OnlineFeatures
from serving.common.position import Position
from serving.common.recent import Recent
from serving.common.recorder import Recorder
from serving.common.shadowing import Shadowing
from serving.common.watching import repeat

_MODELS_SECONDS = 0.5
_STORE_SECONDS = 0.5
_LEDGER_SECONDS = 0.25
_CHUNK = 1000
_PATIENCE_SECONDS = 10.0
"""Wait of a group of decisions for another writer; the one behind it is answered in time, too."""

_log = logging.getLogger("finloop.serving")


class Runtime:
    """The state of one service worker. Made cheaply; `start` opens files in the background."""

    def __init__(self, settings: Settings, services: tuple[DomainService, ...]) -> None:
        self.settings = settings
        self.services = services
        self.pseudonym_key = settings.pseudonym_secret()
        self.models = Models(settings.serving, self._prepare)
        self.budget = Budget(settings.model_budget_ms)
        self.online = OnlineFeatures(settings)
        self.recent: dict[str, Recent[Any]] = {
            service.name: Recent(service.carried.event_of)
            for service in services
            if service.carried is not None
        }
        self._position = Position(settings.serving)
        self._read_up_to = dict.fromkeys(self.recent, -1)
        self._ledger: Ledger | None = None
        self._recorder: Recorder | None = None
        self.shadowing: Shadowing | None = None
        self.written: set[str] = set()
        """Keys of events beside decisions that this worker knows to be in the ledger."""
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether the ledger is open and caught up with, and a manifest was read."""
        caught_up = all(position >= 0 for position in self._read_up_to.values())
        return self._ledger is not None and caught_up and self.models.ready

    @property
    def ledger_is_open(self) -> bool:
        """Whether decisions can be written down."""
        return self._ledger is not None

    @property
    def ledger(self) -> Ledger:
        """The ledger for reading; raises `FinloopError("ledger_unavailable")` until it opens."""
        if self._ledger is None:
            raise _not_open()
        return self._ledger

    @property
    def recorder(self) -> Recorder:
        """The ledger for writing; raises `FinloopError("ledger_unavailable")` until it opens."""
        if self._recorder is None:
            raise _not_open()
        return self._recorder

    async def start(self) -> None:
        """Start what opens the ledger, follows the manifest, the feature store and the ledger."""
        for step, seconds in (
            (self.follow_ledger, _LEDGER_SECONDS),
            (self._follow_models, _MODELS_SECONDS),
            (self.online.refresh, _STORE_SECONDS),
        ):
            self._tasks.append(asyncio.create_task(repeat(step, seconds, self._stop)))

    async def stop(self) -> None:
        """Stop following, write what waits, close the ledger."""
        self._stop.set()
        await asyncio.gather(*self._tasks)
        if self.shadowing is not None:
            await self.shadowing.close()
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.close)
        if self._ledger is not None:
            self._ledger.close()

    def decided(self, decision: Decision, event: Any = None) -> None:
        """Let the next request of the same entity see what was just decided.

        `event` is what its domain remembers of it, where that is known already.
        """
        if decision.domain in self.recent:
            self.recent[decision.domain].add(decision, event=event)

    def open_ledger(self) -> None:
        """Open the ledger, once for reading and once for writing: a commit stops no reader."""
        if self._ledger is None:
            reading = open_ledger(self.settings)
            writing = open_ledger(self.settings, patience=_PATIENCE_SECONDS)
            self._recorder = Recorder(writing)
            self.shadowing = Shadowing(self._recorder)
            self._ledger = reading

    def follow_ledger(self) -> None:
        """Read what was decided since, here and by others; forget what the store holds."""
        self.open_ledger()
        for name, recent in self.recent.items():
            carried = self._position.read(name)
            seen = self._read_up_to[name]
            self._read_up_to[name] = self._catch_up(name, recent, carried if seen < 0 else seen)
            recent.forget(carried)  # after reading: what was decided here has its position by now

    def _catch_up(self, name: str, recent: Recent[Any], position: int) -> int:
        """Read a domain's decisions after a position; the position that was read up to.

        What was decided here is known, and only its position is learnt.
        """
        while found := self.ledger.names_after(position, _CHUNK):
            if not recent.learn([one for one in found if one.domain == name]):
                whole = self.ledger.decisions_after(position, len(found))
                recent.add_written([(at, one) for at, one in whole if one.domain == name])
            position = found[-1].seq
        return position

    def _follow_models(self) -> None:
        if self.models.refresh():
            metrics().generation.set(self.models.current.generation)
            self.budget.keep(self.models.digests)

    def _prepare(self, model: Model) -> None:
        domain, _ = find_model(model.name)
        for service in self.services:
            if service.name == domain.name and service.prepare is not None:
                service.prepare(model.directory)


def _not_open() -> Exception:
    return unavailable(
        "ledger_unavailable", "The ledger is not open, so nothing is decided; retry in a moment."
    )
