"""What is known of an entity's outcomes at each midnight, and at each tick between midnights.

Labels are late enough; a table that is refreshed every hour must not make them half a day later. A
row stands at every tick (a whole number of hours since 1970) after which something is known that
was not at the tick before. Its windows begin at the same midnights as those of its day's first row,
so that only what became known today is added, and the newest row before a payment is still true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from components.common.clock import DAY, HOUR, Clock
from components.common.series import Flags, Floats, Ints, last_where, next_where, offsets, running
from components.fraud.features.daily import KNOWN_DAYS, LAST_KNOWN
from components.fraud.features.midnights import DAYS, Grid

_DAY = float(DAY)


@dataclass(frozen=True)
class Told:
    """Outcomes of some entities (numbered from 0), each entity's together, as they were told."""

    no: Ints
    day: Ints
    t: Ints
    """When it became known, in microseconds."""
    is_fraud: Flags

    @cached_property
    def frauds(self) -> Ints:
        """Running number of frauds."""
        return running(self.is_fraud)


@dataclass(frozen=True)
class Knowledge:
    """Rows that see outcomes: whose, as of when, and from which to which of `Told`."""

    no: Ints
    moment: Ints
    of: Ints
    """The row of the grid whose payments they tell of; -1 for none."""
    began: Ints
    """First outcome of the entity."""
    end: Ints
    since: Callable[[int], Ints]
    """First outcome of a window of so many days."""


def at_midnights(grid: Grid, told: Told, midnights: Ints) -> Knowledge:
    """The rows of a grid."""
    key = told.no * grid.midnights + told.day
    entities = int(grid.no.max(initial=-1)) + 1
    began = offsets(told.no, entities)[grid.no]
    day_before = np.maximum(np.searchsorted(key, grid.key - 1), began)
    return Knowledge(
        no=grid.no,
        moment=midnights[grid.day],
        of=np.arange(len(grid)),
        began=began,
        end=np.searchsorted(key, grid.key),
        since=lambda days: day_before[grid.since(days)],
    )


def at_ticks(
    grid: Grid, told: Told, clock: Clock, hours: int, of_midnights: Knowledge
) -> Knowledge:
    """Rows at the ticks of so many hours with news, up to the last moment of the clock."""
    tick = (told.t // (hours * HOUR) + 1) * (hours * HOUR)
    key = told.no * grid.midnights + told.day
    newest = (np.diff(key, append=-1) != 0) | (np.diff(tick, append=-1) != 0)
    following = np.append(clock.midnights, np.iinfo(np.int64).max)[told.day + 1]
    at = np.flatnonzero(newest & (tick <= clock.last) & (tick < following))
    no, day = told.no[at], told.day[at]
    row, there = grid.rows(no, day)
    today = np.searchsorted(key, key[at])
    return Knowledge(
        no=no,
        moment=tick[at],
        of=np.where(there, row, -1),
        began=np.searchsorted(told.no, no),
        end=at + 1,
        since=lambda days: np.where(there, _taken(of_midnights.since(days), row), today),
    )


def _taken(values: Ints, rows: Ints) -> Ints:
    return values[rows] if len(values) else rows


def together(one: Knowledge, other: Knowledge) -> tuple[Knowledge, Ints]:
    """Both kinds of rows, and their order by (entity, moment)."""

    def joined(name: str) -> Ints:
        return np.concatenate([getattr(one, name), getattr(other, name)])

    both = Knowledge(
        *map(joined, ("no", "moment", "of", "began", "end")),
        since=lambda days: np.concatenate([one.since(days), other.since(days)]),
    )
    return both, np.lexsort((both.moment, both.no))


def learned(
    rows: Knowledge, told: Told, spans: Sequence[int] = KNOWN_DAYS
) -> Mapping[str, np.ndarray]:
    """The columns `known_<w>d` and `frauds_<w>d` of each span, `risk_last_<n>`, `days_since_…`."""
    columns: dict[str, np.ndarray] = {}
    for days in spans:
        since = rows.since(days)
        columns[f"known_{days}d"] = rows.end - since
        columns[f"frauds_{days}d"] = told.frauds[rows.end] - told.frauds[since]
    anything = columns[f"known_{DAYS}d"] > 0
    for count in LAST_KNOWN:
        newest = np.minimum(count, rows.end - rows.began)
        frauds = told.frauds[rows.end] - told.frauds[rows.end - newest]
        columns[f"risk_last_{count}"] = np.where(anything, frauds / np.maximum(newest, 1), np.nan)
    return columns | _ages(rows, told)


def _ages(rows: Knowledge, told: Told) -> dict[str, Floats]:
    """Days since the last fraud, the first one and the last genuine payment, of thirty days."""
    since, t = rows.since(DAYS), np.append(told.t, 0)
    last, genuine = (last_where(kind)[rows.end] for kind in (told.is_fraud, ~told.is_fraud))
    first = next_where(told.is_fraud)[since]
    return {
        "days_since_fraud": np.where(last >= since, (rows.moment - t[last]) / _DAY, np.nan),
        "days_since_first_fraud": np.where(
            first < rows.end, (rows.moment - t[first]) / _DAY, np.nan
        ),
        "days_since_genuine": np.where(genuine >= since, (rows.moment - t[genuine]) / _DAY, np.nan),
    }
