"""Local clocks and midnights of moments, which are microseconds since 1970 UTC everywhere.

The offsets come from the same `ZoneInfo` that the online engine uses, so that the two never
disagree about a clock change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from components.common.series import Ints

HOUR = 3_600_000_000
"""Microseconds."""
DAY = 24 * HOUR
"""Microseconds of a day without a clock change."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Clock:
    """A time zone between two moments."""

    zone: ZoneInfo
    first: int
    last: int

    def hours(self, moments: Ints) -> Ints:
        """Local hour of the day, 0 to 23."""
        return self.local(moments) // HOUR % 24

    def weekdays(self, moments: Ints) -> Ints:
        """Local day of the week; Monday is 0."""
        return (self.local(moments) // DAY + 3) % 7

    def local(self, moments: Ints) -> Ints:
        """What the wall clock shows, in microseconds since 1970 as it would show them."""
        since, offset = self._offsets
        return moments + offset[np.searchsorted(since, moments, side="right") - 1]

    @cached_property
    def midnights(self) -> Ints:
        """Every local midnight up to the last moment, from one at or before the first."""
        day = self.first // DAY - 1
        found = [midnight(day, self.zone)]
        while (following := midnight(day := day + 1, self.zone)) <= self.last:
            found.append(following)
        return np.array(found)

    def days(self, moments: Ints) -> Ints:
        """The number of the last of the `midnights` at or before each moment."""
        return np.searchsorted(self.midnights, moments, side="right") - 1

    @cached_property
    def _offsets(self) -> tuple[Ints, Ints]:
        """From when on which offset holds; a change is found by halving."""
        found = [(self.first, _offset(self.zone, self.first))]
        for at in range(self.first, self.last, DAY):
            ahead = min(at + DAY, self.last)
            if (offset := _offset(self.zone, ahead)) != found[-1][1]:
                found.append((self._change(at, ahead), offset))
        since, offsets = zip(*found, strict=True)
        return np.array([np.iinfo(np.int64).min, *since[1:]]), np.array(offsets)

    def _change(self, low: int, high: int) -> int:
        before = _offset(self.zone, low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(self.zone, middle) == before else (low, middle)
        return high


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of a moment with a time zone."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def midnight(day: int, zone: ZoneInfo) -> int:
    """The moment at which local day `day` (days since 1970) has begun for good.

    Where clocks change at midnight the later reading is taken, so that an event of the old day
    is never after it.
    """
    wall = datetime.combine(date(1970, 1, 1) + timedelta(days=day), datetime.min.time(), zone)
    return max(microseconds(wall.replace(fold=fold)) for fold in (0, 1))


def _offset(zone: ZoneInfo, at: int) -> int:
    moment = (_EPOCH + timedelta(microseconds=at)).astimezone(zone)
    return (moment.utcoffset() or timedelta()) // timedelta(microseconds=1)
