"""The offline engine of the live features: windows over each user's payments, as arrays.

A window counts rows in the total order (event_timestamp, transaction_id), so that ties are as
strict offline as online; a span of time is a number of rows too, and K caps every one of them. Sums
are differences of running totals of whole numbers (`milli`), so they are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.common.clock import HOUR
from components.common.feature_writer import Prepared
from components.common.series import (
    Flags,
    Floats,
    Ints,
    before,
    firsts,
    grouped,
    largest,
    last_where,
    medians,
    offsets,
    pieces,
    running,
    spread,
    within,
)
from components.fraud.features.moment import EARTH_KM, SPANS
from components.fraud.history import K

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.common.clock import Clock
    from components.fraud.features.payments import Payments

ROWS = {"last_5": 5, "last_10": 10, f"last_{K}": K}
SUMMED = (*ROWS, "last_1h", "last_24h", "last_7d")
TOPPED = (*ROWS, "last_24h", "last_3d", "last_7d", "last_14d")

PIECE = 1 << 16
"""Rows at a time: few enough for the caches, enough for what one query costs."""


def live_pieces(payments: Payments, clock: Clock) -> Iterator[Callable[[], Prepared]]:
    """What the features of payments speak of, some users at a time, in the order of users."""
    user = payments.party["user"]
    order = grouped(user)
    starts = offsets(user[order], len(payments.names["user"]))
    for first, end in pieces(np.diff(starts), PIECE):
        yield partial(_prepared, payments, clock, order[starts[first] : starts[end]])


def _prepared(payments: Payments, clock: Clock, rows: Ints) -> Prepared:
    return Prepared(
        payments.transaction_id.take(pa.array(rows)),
        payments.t[rows],
        {
            "hour": clock.hours(payments.t[rows]),
            "weekday": clock.weekdays(payments.t[rows]),
            **Streams(payments, rows).columns(),
        },
    )


class Streams:
    """Payments of some users, each user's together and in order, and the windows before each."""

    def __init__(self, payments: Payments, rows: Ints) -> None:
        self.t, self.milli = payments.t[rows], payments.milli[rows]
        self.amount = payments.amount[rows]
        self.latitude, self.longitude = payments.latitude[rows], payments.longitude[rows]
        self.user, self.merchant, self.device = (
            payments.party[name][rows] for name in ("user", "merchant", "device")
        )
        self.row = np.arange(len(rows))
        self.position = self.row - firsts(self.user)
        """How many payments of the user are before."""

    def columns(self) -> dict[str, np.ndarray | pa.Array]:
        """Every column that the expressions of `live.py` speak of."""
        alone = self.position == 0
        return {
            "t": self.t,
            "amount": self.amount,
            "last_t": pa.array(before(self.t, 1), mask=alone),
            "last_amount": np.where(alone, np.nan, before(self.amount, 1)),
            "device_no": pa.array(self.device, mask=self.device < 0),
            "merchant_seen": self._seen(self.merchant),
            "device_seen": self._seen(self.device),
            "devices": self._devices(),
            f"median_last_{K}": medians(self.amount, self.counts[f"last_{K}"], K),
            **{f"count_{window}": count for window, count in self.counts.items()},
            **self._sums(),
            **self._statistics(),
            **self._tops(),
            **self._places(),
        }

    @cached_property
    def counts(self) -> dict[str, Ints]:
        """Rows of each window."""
        rows = {window: np.minimum(count, self.position) for window, count in ROWS.items()}
        younger = within(self.user, self.t, [hours * HOUR for hours in SPANS.values()])
        spans = zip(SPANS, (np.minimum(K, count) for count in younger), strict=True)
        return rows | dict(spans)

    @cached_property
    def _totals(self) -> dict[str, Ints]:
        total = running(self.milli)
        return {w: total[self.row] - total[self.row - self.counts[w]] for w in SUMMED}

    def _sums(self) -> dict[str, Floats]:
        return {f"sum_{window}": total / 1000.0 for window, total in self._totals.items()}

    def _statistics(self) -> dict[str, Floats]:
        columns, values = {}, self.milli.astype(np.float64)
        for window, most in ROWS.items():
            count, total = self.counts[window], self._totals[window]
            middle = total // np.maximum(count, 1)
            about = spread(values, middle.astype(np.float64), count, most)
            columns[f"mean_{window}"] = exact_mean(count, total)
            columns[f"std_{window}"] = exact_std(count, total, middle, about)
        return columns

    def _tops(self) -> dict[str, Floats]:
        windows = [(self.row - self.counts[window], self.row) for window in TOPPED]
        tops = largest(self.amount, windows)
        return {f"max_{window}": top for window, top in zip(TOPPED, tops, strict=True)}

    def _seen(self, party: NDArray[np.int32]) -> Flags:
        """Whether the same party is among the last K payments of the user."""
        pair = self.user.astype(np.int64) * (int(party.max(initial=0)) + 2) + party
        order = np.argsort(pair, kind="stable")
        again = np.diff(pair[order], prepend=-2) == 0
        seen = np.zeros(len(pair), dtype=bool)
        seen[order] = again & (order - before(order, 1) <= K)
        return seen

    def _devices(self) -> Ints:
        total = running(self.device >= 0)
        return total[self.row] - total[self.row - self.counts[f"last_{K}"]]

    def _places(self) -> dict[str, np.ndarray | pa.Array]:
        """The last place among the K payments before, and how far it is."""
        place = last_where(~np.isnan(self.latitude + self.longitude))[self.row]
        nowhere = place < self.row - self.counts[f"last_{K}"]
        latitude, longitude = (
            np.where(nowhere, np.nan, degrees[place]) for degrees in (self.latitude, self.longitude)
        )
        return {
            "place_t": pa.array(self.t[place], mask=nowhere),
            "distance_km": great_circle_km(latitude, longitude, self.latitude, self.longitude),
        }


def exact_mean(count: Ints, total: Ints) -> Floats:
    """Mean in units from whole thousandths; NaN for none."""
    return np.where(count > 0, total / (1000.0 * np.maximum(count, 1)), np.nan)


def exact_std(count: Ints, total: Ints, middle: Ints, spread: Floats) -> Floats:
    """Sample standard deviation in units; NaN for fewer than two values or values all alike.

    `spread` is the sum of (value - middle)^2 about the whole number `middle` just below the mean:
    every term is positive, so nothing cancels, whatever the size of the values.
    """
    rest = (total - middle * count).astype(np.float64)
    variance = (spread - rest * rest / np.maximum(count, 1)) / np.maximum(count - 1, 1)
    known = (count > 1) & (variance > 0)
    return np.where(known, np.sqrt(np.where(known, variance, 0.0)) / 1000.0, np.nan)


def great_circle_km(lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> Floats:
    """Distance of places in kilometres, degrees in (haversine formula)."""
    north = np.sin(np.radians(lat_b - lat_a) / 2)
    east = np.sin(np.radians(lon_b - lon_a) / 2)
    chord = north**2 + np.cos(np.radians(lat_a)) * np.cos(np.radians(lat_b)) * east**2
    return 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
