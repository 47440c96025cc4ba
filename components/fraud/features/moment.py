"""The moment of a payment: the vocabulary in which the online features are written.

Every name here has its twin in the offline engine: `moment.last_64.mean` is the column
`mean_last_64`, which `windows.py` prepares.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload
from zoneinfo import ZoneInfo

from components.common.clock import HOUR
from components.fraud.history import History, K, Transaction

SPANS = {"last_1h": 1, "last_24h": 24, "last_3d": 72, "last_7d": 168, "last_14d": 336}
"""Hours of the windows of time; a window excludes its far end."""
AMOUNT_LIMIT = 1e10
"""Larger amounts count as this in sums, so that a total of a million of them fits 64 bits."""
EARTH_KM = 6371.0088
"""Mean radius of the earth (IUGG)."""

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 (reads as a decorator)
    """A property computed at most once; `functools.cached_property` takes a lock in Python 3.11."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.name = compute.__name__

    @overload
    def __get__(self, instance: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> once[T] | T:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value


class Past:
    """Statistics of some of the user's payments before this one; amounts oldest first.

    Sums are exact: amounts count as whole thousandths (`milli`), finer than any coin.
    """

    def __init__(self, amounts: tuple[float, ...], milli: list[int]) -> None:
        self.amounts = amounts
        self.milli = milli
        self.count = len(amounts)

    @once
    def total(self) -> int:
        return sum(self.milli)

    @once
    def sum(self) -> float:
        return self.total / 1000.0

    @once
    def mean(self) -> float | None:
        return self.total / (1000.0 * self.count) if self.count else None

    @once
    def std(self) -> float | None:
        """Sample standard deviation; none for fewer than two payments or amounts all alike."""
        if self.count < 2:
            return None
        middle = self.total // self.count
        rest = self.total - middle * self.count
        about = sum([(value - middle) ** 2 for value in self.milli])
        variance = (about - rest * rest / self.count) / (self.count - 1)
        return math.sqrt(variance) / 1000.0 if variance > 0 else None

    @once
    def max(self) -> float | None:
        return max(self.amounts, default=None)

    @once
    def median(self) -> float | None:
        if not self.count:
            return None
        ordered, half = sorted(self.amounts), self.count // 2
        if self.count % 2:
            return ordered[half]
        return (ordered[half - 1] + ordered[half]) / 2


class Moment:
    """A payment, the user's history strictly before it, and the local clock."""

    def __init__(self, transaction: Transaction, history: History, zone: ZoneInfo) -> None:
        self.transaction = transaction
        self.history = history.before(transaction)
        self.timestamp = transaction.timestamp
        self.amount = transaction.amount
        self._clock = transaction.event_timestamp.astimezone(zone)

    @property
    def hour(self) -> int:
        return self._clock.hour

    @property
    def weekday(self) -> int:
        """0 is Monday."""
        return self._clock.weekday()

    @once
    def last_64(self) -> Past:
        return self._last(K)

    @once
    def last_10(self) -> Past:
        return self._last(10)

    @once
    def last_5(self) -> Past:
        return self._last(5)

    @once
    def last_1h(self) -> Past:
        return self._since("last_1h")

    @once
    def last_24h(self) -> Past:
        return self._since("last_24h")

    @once
    def last_3d(self) -> Past:
        return self._since("last_3d")

    @once
    def last_7d(self) -> Past:
        return self._since("last_7d")

    @once
    def last_14d(self) -> Past:
        return self._since("last_14d")

    @once
    def seconds_since_last(self) -> float | None:
        if not self.history.timestamps:
            return None
        return (self.timestamp - self.history.timestamps[-1]) / 1e6

    @once
    def amount_before(self) -> float | None:
        return self.history.amounts[-1] if self.history.amounts else None

    @property
    def merchant_seen(self) -> bool:
        return self.transaction.merchant_id in self.history.merchant_ids

    @property
    def device_seen(self) -> bool:
        return self.transaction.device_id in self.history.device_ids

    @once
    def devices(self) -> int:
        """Earlier payments whose device is known."""
        return len(self.history) - self.history.device_ids.count(None)

    @once
    def place(self) -> tuple[int, float, float] | None:
        """(timestamp, latitude, longitude) of the last payment with a place."""
        history = self.history
        for at in range(len(history) - 1, -1, -1):
            latitude, longitude = history.latitudes[at], history.longitudes[at]
            if latitude is not None and longitude is not None:
                return history.timestamps[at], latitude, longitude
        return None

    @once
    def distance_km(self) -> float | None:
        latitude, longitude = self.transaction.latitude, self.transaction.longitude
        if self.place is None or latitude is None or longitude is None:
            return None
        return great_circle_km(*self.place[1:], latitude, longitude)

    @once
    def hours_since_place(self) -> float | None:
        return None if self.place is None else (self.timestamp - self.place[0]) / HOUR

    def _last(self, count: int) -> Past:
        return Past(self.history.amounts[-count:], self._milli[-count:])

    def _since(self, span: str) -> Past:
        first = bisect_right(self.history.timestamps, self.timestamp - SPANS[span] * HOUR)
        return Past(self.history.amounts[first:], self._milli[first:])

    @once
    def _milli(self) -> list[int]:
        amounts = self.history.amounts
        if amounts and max(amounts) > AMOUNT_LIMIT:
            amounts = [min(amount, AMOUNT_LIMIT) for amount in amounts]
        return [int(amount * 1000 + 0.5) for amount in amounts]


def ratio(value: float | None, base: float | None) -> float | None:
    """value / base; none where either is none or the base is zero."""
    return None if value is None or not base else value / base


def great_circle_km(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Distance of two places in kilometres, degrees in (haversine formula)."""
    north = math.sin(math.radians(lat_b - lat_a) / 2)
    east = math.sin(math.radians(lon_b - lon_a) / 2)
    chord = north**2 + math.cos(math.radians(lat_a)) * math.cos(math.radians(lat_b)) * east**2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))
