"""What an entity's payments of the last days come to at each midnight: counts, amounts, partners.

A day is summed up once, as whole numbers; a window is made from its days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from components.common.series import Floats, Ints, largest, running
from components.fraud.features.daily import SPENT_DAYS
from components.fraud.features.midnights import DAYS, Grid
from components.fraud.features.windows import exact_mean, exact_std


@dataclass(frozen=True)
class Paid:
    """Payments of some entities (numbered from 0), each entity's together and in order."""

    no: Ints
    day: Ints
    milli: Ints
    amount: Floats
    partner: Ints


@dataclass(frozen=True)
class _Days:
    """What was paid on the day before each midnight of a grid."""

    count: Ints
    total: Ints
    middle: Ints
    """A whole number just below the mean, 0 for no payments."""
    spread: Floats
    """Sum of (milli - middle)^2."""
    top: Floats


def spending(grid: Grid, paid: Paid) -> Mapping[str, np.ndarray]:
    """The columns `count_<w>d`, `mean_30d`, `std_30d`, `max_30d` and `partners_30d` of a grid."""
    days, since = _days(grid, paid), grid.since(DAYS)
    counted, totalled = running(days.count), running(days.total)
    count = counted[grid.end] - counted[since]
    total = totalled[grid.end] - totalled[since]
    middle = total // np.maximum(count, 1)
    top = largest(days.top, [(since, grid.end)])[0]
    return {
        **{f"count_{w}d": counted[grid.end] - counted[grid.since(w)] for w in SPENT_DAYS},
        "mean_30d": exact_mean(count, total),
        "std_30d": exact_std(count, total, middle, _spread(grid, days, middle)),
        "max_30d": np.where(count > 0, top, np.nan),
        "partners_30d": _partners(grid, paid),
    }


def _days(grid: Grid, paid: Paid) -> _Days:
    cell, seen = grid.rows(paid.no, paid.day + 1)
    cell, milli = cell[seen], paid.milli[seen]
    start = np.flatnonzero(np.diff(cell, prepend=-1))
    of_day = cell[start]
    count, total, middle = (np.zeros(len(grid), dtype=np.int64) for _ in range(3))
    spread, top = np.zeros(len(grid)), np.full(len(grid), -np.inf)
    if len(start):
        count[of_day] = np.diff(start, append=len(cell))
        total[of_day] = np.add.reduceat(milli, start)
        middle[of_day] = total[of_day] // count[of_day]
        away = (milli - middle[cell]).astype(np.float64)
        spread[of_day] = np.add.reduceat(away * away, start)
        top[of_day] = np.maximum.reduceat(paid.amount[seen], start)
    return _Days(count, total, middle, spread, top)


def _spread(grid: Grid, days: _Days, middle: Ints) -> Floats:
    """Sum of (milli - middle)^2 over the last thirty days, from the sums about each day's middle.

    With r the sum of (milli - m) over the n payments of a day, that day's share is
    s + (m - middle) (2 r + n (m - middle)): never negative, and zero where all are alike.
    """
    rest = 2.0 * (days.total - days.count * days.middle)
    columns = (days.middle.astype(np.float64), days.spread, rest, days.count.astype(np.float64))
    length, about = grid.end - grid.since(DAYS), middle.astype(np.float64)
    spread = np.zeros(len(grid))
    for lag in range(min(DAYS, int(length.max(initial=0)))):
        rows = slice(lag, None)
        then_middle, then_spread, then_rest, then_count = (c[: len(grid) - lag] for c in columns)
        apart = then_middle - about[rows]
        share = then_spread + apart * (then_rest + then_count * apart)
        spread[rows] += np.where(lag < length[rows], share, 0.0)
    return spread


def _partners(grid: Grid, paid: Paid) -> Ints:
    """Distinct partners: a pair counts from the midnight after it met until thirty days later."""
    pair = paid.no * (int(paid.partner.max(initial=0)) + 1) + paid.partner
    order = np.argsort(pair, kind="stable")
    no, met = paid.no[order], paid.day[order] + 1
    once_more = np.diff(pair[order], append=-1) == 0
    again = np.where(once_more, np.append(met[1:], 0), np.iinfo(np.int64).max)
    no, met, again = (column[again > met] for column in (no, met, again))
    steps = _at(grid, no, met) - _at(grid, no, np.minimum(met + DAYS, again))
    counted = running(steps)
    return counted[grid.end] - counted[grid.first]


def _at(grid: Grid, no: Ints, day: Ints) -> Ints:
    """How many of these (entity, day) fall on each row."""
    row, there = grid.rows(no, day)
    return np.bincount(row[there], minlength=len(grid))
