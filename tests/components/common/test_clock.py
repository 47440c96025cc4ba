"""Local clocks and midnights: what the arrays say is what Python's own calendar says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.common.clock import DAY, Clock, microseconds, midnight

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = st.sampled_from(
    ["Asia/Seoul", "America/Sao_Paulo", "Australia/Lord_Howe", "Europe/Lisbon", "Pacific/Apia"]
)
FIRST = microseconds(datetime(2009, 1, 1, tzinfo=UTC))
LAST = microseconds(datetime(2024, 1, 1, tzinfo=UTC))
MOMENTS = st.lists(st.integers(FIRST, LAST), min_size=1, max_size=50)


def local(moment: int, zone: str) -> datetime:
    """A moment as the wall clock shows it."""
    return (EPOCH + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone))


@settings(deadline=None)
@given(ZONES, MOMENTS)
def test_the_clock_is_that_of_python(zone: str, moments: list[int]) -> None:
    clock = Clock(ZoneInfo(zone), FIRST, LAST)
    walls = [local(moment, zone) for moment in moments]
    shown = [microseconds(wall.replace(tzinfo=UTC)) for wall in walls]
    assert clock.local(np.array(moments)).tolist() == shown
    assert clock.hours(np.array(moments)).tolist() == [wall.hour for wall in walls]
    assert clock.weekdays(np.array(moments)).tolist() == [wall.weekday() for wall in walls]


@settings(deadline=None)
@given(ZONES, st.integers(14245, 19700))
def test_a_midnight_begins_its_day(zone: str, day: int) -> None:
    begins = midnight(day, ZoneInfo(zone))
    before = microseconds(local(begins - 1, zone).replace(tzinfo=UTC)) // DAY
    assert before < day
    assert begins <= midnight(day + 1, ZoneInfo(zone))


@settings(deadline=None)
@given(ZONES, st.integers(FIRST, FIRST + 400 * DAY), st.integers(0, 60 * DAY))
def test_every_moment_lies_after_its_midnight(zone: str, first: int, length: int) -> None:
    clock = Clock(ZoneInfo(zone), first, first + length)
    midnights = clock.midnights
    assert midnights[0] <= first
    assert midnights[-1] <= first + length < midnights[-1] + 2 * DAY
    assert (np.diff(midnights) > 0).all()
    moments = np.linspace(first, first + length, 20).astype(np.int64)
    begun = midnights[clock.days(moments)]
    assert (begun <= moments).all()
    assert (moments - begun <= DAY + DAY // 12).all()
