"""The offline engine of the daily features: what the expressions of `daily.py` speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pyarrow as pa

from components.common.feature_writer import Prepared
from components.common.series import Ints, grouped, offsets, pieces
from components.fraud.features.daily import KNOWN_DAYS
from components.fraud.features.midnights import DAYS, make_grid
from components.fraud.features.outcomes import (
    Knowledge,
    Told,
    at_midnights,
    at_ticks,
    learned,
    together,
)
from components.fraud.features.payments import Past
from components.fraud.features.spending import Paid, spending

ROWS = 1 << 16
"""Midnights at a time."""


@dataclass(frozen=True)
class Ranked:
    """Rows in the order of an entity, and where each entity's begin."""

    order: Ints
    starts: Ints

    @classmethod
    def by(cls, numbers: np.ndarray, count: int) -> Ranked:
        """Rows by the number of their entity."""
        order = grouped(numbers)
        return cls(order, offsets(numbers[order], count))

    @property
    def sizes(self) -> Ints:
        return np.diff(self.starts)

    def of(self, first: int, end: int) -> Ints:
        """The rows of some entities."""
        return self.order[self.starts[first] : self.starts[end]]


@dataclass(frozen=True)
class DailyPast:
    """The past as one kind of entity sees it; `partner` is the other kind."""

    past: Past
    entity: str
    partner: str
    refresh_hours: int
    spans: Sequence[int] = KNOWN_DAYS
    """Days over which known outcomes are counted."""

    @cached_property
    def names(self) -> pa.Array:
        return self.past.payments.names[self.entity]

    @cached_property
    def paid(self) -> Ranked:
        """The payments of each entity."""
        return Ranked.by(self.past.payments.party[self.entity], len(self.names))

    @cached_property
    def told(self) -> Ranked:
        """The known outcomes of each entity."""
        party = self.past.payments.party[self.entity][self.past.known.payment]
        return Ranked.by(party, len(self.names))

    def pieces(self) -> Iterator[Callable[[], Prepared]]:
        """Some entities at a time, in the order of their ids."""
        midnights = len(self.past.clock.midnights)
        happened = self.paid.sizes + self.told.sizes
        for first, end in pieces(np.minimum(happened * (DAYS + 1), midnights), ROWS):
            yield partial(self._prepared, first, end)

    def _prepared(self, first: int, end: int) -> Prepared:
        paid, told = self._paid(first, end), self._told(first, end)
        clock = self.past.clock
        days = np.concatenate([paid.day, told.day])
        grid = make_grid(np.concatenate([paid.no, told.no]), days, len(clock.midnights))
        rows, order = at_midnights(grid, told, clock.midnights), slice(None)
        if self.refresh_hours < 24:
            between = at_ticks(grid, told, clock, self.refresh_hours, rows)
            rows, order = together(rows, between)
        columns = {**_of_grid(spending(grid, paid), rows), **learned(rows, told, self.spans)}
        return Prepared(
            self.names.take(pa.array(rows.no[order] + first)),
            rows.moment[order],
            {name: column[order] for name, column in columns.items()},
        )

    def _paid(self, first: int, end: int) -> Paid:
        payments, rows = self.past.payments, self.paid.of(first, end)
        return Paid(
            no=payments.party[self.entity][rows].astype(np.int64) - first,
            day=self.past.paid_on[rows],
            milli=payments.milli[rows],
            amount=payments.amount[rows],
            partner=payments.party[self.partner][rows].astype(np.int64),
        )

    def _told(self, first: int, end: int) -> Told:
        known, rows = self.past.known, self.told.of(first, end)
        party = self.past.payments.party[self.entity]
        return Told(
            no=party[known.payment[rows]].astype(np.int64) - first,
            day=self.past.told_on[rows],
            t=known.t[rows],
            is_fraud=known.is_fraud[rows],
        )


def _of_grid(columns: Mapping[str, np.ndarray], rows: Knowledge) -> dict[str, np.ndarray]:
    """The payments that each row tells of; where there are none, counts are 0 and the rest null."""
    return {
        name: np.append(column, 0 if column.dtype.kind == "i" else np.nan)[rows.of]
        for name, column in columns.items()
    }
