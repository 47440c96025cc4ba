"""The grid of the daily features: which midnights have a row, and how far its windows reach.

A row stands at every midnight of the thirty days after anything happened, and at the one after
those, where all has become empty: the newest row before a payment is always the true one, whatever
its age. Days are the numbers of their midnights; midnight `day` sees what was before it.

Rows without a gap form a run. A window of w days is the last w rows of its run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from components.common.series import Flags, Ints

DAYS = 30
"""Local days that a midnight looks back at most."""


@dataclass(frozen=True)
class Grid:
    """Midnights of some entities (numbered from 0), in the order of (entity, day)."""

    no: Ints
    day: Ints
    first: Ints
    """First row of the run of each row."""
    midnights: int
    """How many midnights there are in all."""

    def __len__(self) -> int:
        return len(self.no)

    @cached_property
    def key(self) -> Ints:
        """One number for (entity, day), in their order."""
        return self.no * self.midnights + self.day

    @cached_property
    def end(self) -> Ints:
        """Where the windows of each row end: the row after it."""
        return np.arange(1, len(self) + 1)

    def since(self, days: int) -> Ints:
        """The first row of each row's window of so many days."""
        return np.maximum(self.end - days, self.first)

    def rows(self, no: Ints, day: Ints) -> tuple[Ints, Flags]:
        """The row of each (entity, day), and whether there is one."""
        if not len(self):
            return np.zeros(len(no), dtype=np.int64), np.zeros(len(no), dtype=bool)
        wanted = no * self.midnights + day
        row = np.minimum(np.searchsorted(self.key, wanted), len(self) - 1)
        return row, (self.key[row] == wanted) & (day < self.midnights)


def make_grid(no: Ints, day: Ints, midnights: int) -> Grid:
    """The midnights at which something of these (entity, day) is within the last thirty days."""
    seen = day + 1 < midnights
    happened = np.sort(no[seen] * midnights + day[seen] + 1)
    happened = happened[np.diff(happened, prepend=-1) > 0]
    who, when = np.divmod(happened, midnights)
    gap = np.diff(happened, append=np.iinfo(np.int64).max)
    length = np.minimum(np.minimum(gap, DAYS + 1), midnights - when)
    alone = np.diff(happened, prepend=-DAYS - 2) > DAYS + 1
    alone |= np.diff(who, prepend=-1) > 0
    begin = np.cumsum(length) - length
    run = np.maximum.accumulate(np.where(alone, begin, 0))
    steps = np.arange(length.sum()) - np.repeat(begin, length)
    return Grid(
        np.repeat(who, length), np.repeat(when, length) + steps, np.repeat(run, length), midnights
    )
