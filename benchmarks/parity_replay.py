"""Payments decided once more by the code that the service runs, as if it were then.

A `Lane` is an installation with an online store of its own: the data pipeline publishes to it at
every refresh, its worker decides, writes the ledger and remembers, its follower carries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from components.common import lake
from components.common.clock import DAY, HOUR, Clock, microseconds
from components.common.feature_tables import MadeFrom, builders
from components.common.settings import Settings
from components.fraud.features.build import AT_MIDNIGHT
from feature_repo.publish import publish
from serving.common.domain import services
from serving.common.facts import Facts
from serving.common.following import make_carrier
from serving.common.runtime import Runtime
from serving.fraud.draft import draft
from serving.fraud.schemas import Payment

GROUP = 200
"""Decisions that share a commit of the ledger; between two commits only the worker remembers."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CARRIED_EVERY = 3
"""Groups between two steps of the follower."""


@dataclass(frozen=True)
class Refresh:
    """Feature tables as the data pipeline makes them at a moment."""

    moment: datetime
    tables: Path


class Lane:
    """One installation, decided on in the order of time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._runtime = Runtime(settings, services())
        self._runtime.open_ledger()
        self._carrier = make_carrier(settings)
        self._groups = 0

    def publish(self, refresh: Refresh) -> None:
        """What the last step of the data pipeline does."""
        publish(self.settings, refresh.tables)
        self._runtime.online.refresh()

    def decide(self, payments: Sequence[Payment]) -> None:
        """Decide on payments that carry pseudonyms, in this order."""
        for first in range(0, len(payments), GROUP):
            made = []
            for payment in payments[first : first + GROUP]:
                decided = draft(self._runtime, payment, payment.canonical(), perf_counter())
                self._runtime.decided(decided.decision)
                made.append(decided.decision)
            self._runtime.recorder.ledger.append(made)
            self._groups += 1
            if self._groups % _CARRIED_EVERY == 0:
                self._carrier.step()
            self._runtime.follow_ledger()

    def inputs(
        self, transaction_ids: Sequence[str], names: Iterable[str]
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Model input → its values [n] as the ledger has them, NaN for null or for no payment."""
        places = {name: place for place, name in enumerate(transaction_ids)}
        columns = {name: np.full(len(places), np.inf) for name in names}
        for decision in self._runtime.ledger.decisions():
            known, place = Facts.of(decision).features, places[decision.subject_id]
            for name, column in columns.items():
                value = known.get(name)
                column[place] = np.nan if value is None else value
        return columns

    def close(self) -> None:
        """Close the ledger."""
        self._runtime.recorder.close()
        self._runtime.ledger.close()


def refreshes(
    settings: Settings, first: datetime, last: datetime, scratch: Path
) -> Iterator[Refresh]:
    """The tables of the refresh at or before `first`, then those of each one until `last`."""
    digest = lake.digest(settings.lake)
    for moment in moments(first, last, ZoneInfo(settings.timezone), settings.refresh_hours):
        tables = scratch / f"{moment:%Y%m%dT%H%M}"
        for build in builders():
            build(settings.lake, tables, settings.timezone, moment, settings.refresh_hours)
        made = MadeFrom(
            f"{digest} until {moment.isoformat()}",
            "benchmark",
            settings.timezone,
            moment.isoformat(),
            settings.refresh_hours,
        )
        made.write(tables)
        yield Refresh(moment, tables)


def moments(first: datetime, last: datetime, zone: ZoneInfo, hours: int) -> list[datetime]:
    """The refresh at or before `first` and all until `last`.

    Tables are made anew at every local midnight and, below 24 hours, at every tick of so many hours
    since 1970 (decision 0031).
    """
    low, high = microseconds(first) - DAY, microseconds(last)
    clock = Clock(zone, low, high)
    ticks = set(clock.midnights.tolist())
    if hours < AT_MIDNIGHT:
        step = hours * HOUR
        ticks |= set(range((low // step + 1) * step, high + 1, step))
    found = sorted(_EPOCH + timedelta(microseconds=tick) for tick in ticks)
    before = sum(moment <= first for moment in found)
    return found[max(before - 1, 0) :]
