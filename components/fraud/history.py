"""A payment and the payments of the same user just before it, as the online engine sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from components.fraud.sequence_steps import STEP, STEPS

T = TypeVar("T")
Step = tuple[float | None, ...]
"""Values of `STEP` as they were when the payment was made."""

K = 64
"""Payments that are remembered per user, online and offline."""
REMEMBERED = "remembered"
"""Column beside a kept history: payments that its writer has put into it so far, the ones that
fell out again among them."""
POSITION = "position"
"""Column beside a history that the service writes: the ledger position it is counted up to."""

_NOTHING: Step = (None,) * len(STEP)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One payment, in the units of the contract table `transactions`."""

    transaction_id: str
    event_timestamp: datetime
    user_id: str
    merchant_id: str
    amount: float
    device_id: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    step: Step | None = None
    """What was known of it when it was made; None where nobody computed it."""

    @property
    def timestamp(self) -> int:
        """`event_timestamp` in microseconds since 1970 UTC."""
        return (self.event_timestamp - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class History:
    """A user's last K payments as parallel columns, ordered by (timestamp, transaction_id)."""

    timestamps: tuple[int, ...] = ()
    transaction_ids: tuple[str, ...] = ()
    amounts: tuple[float, ...] = ()
    merchant_ids: tuple[str, ...] = ()
    device_ids: tuple[str | None, ...] = ()
    latitudes: tuple[float | None, ...] = ()
    longitudes: tuple[float | None, ...] = ()
    steps: tuple[Step | None, ...] = ()
    """The store keeps those of the last `STEPS` payments."""

    def __len__(self) -> int:
        return len(self.timestamps)

    @staticmethod
    def of_rows(rows: Sequence[tuple[Any, ...]]) -> History:
        """The history of payments in order, each with the values of the columns."""
        return History(*zip(*rows, strict=True)) if rows else History()

    def append(self, transaction: Transaction) -> History:
        """This history with one more payment in its place; unchanged where it was there already."""
        if transaction.transaction_id in self.transaction_ids:
            return self
        place = self._before(transaction)
        return History(
            _put(self.timestamps, place, transaction.timestamp),
            _put(self.transaction_ids, place, transaction.transaction_id),
            _put(self.amounts, place, transaction.amount),
            _put(self.merchant_ids, place, transaction.merchant_id),
            _put(self.device_ids, place, transaction.device_id),
            _put(self.latitudes, place, transaction.latitude),
            _put(self.longitudes, place, transaction.longitude),
            _put(self.steps, place, transaction.step),
        )

    def before(self, transaction: Transaction) -> History:
        """The payments strictly before another one, by (timestamp, transaction_id)."""
        place = self._before(transaction)
        if place == len(self):
            return self
        return History(
            self.timestamps[:place],
            self.transaction_ids[:place],
            self.amounts[:place],
            self.merchant_ids[:place],
            self.device_ids[:place],
            self.latitudes[:place],
            self.longitudes[:place],
            self.steps[:place],
        )

    def past(self) -> dict[str, list[float | None]]:
        """Each feature of `STEP` over the last `STEPS` payments, newest first; null where unknown.

        Shorter lists where the history is shorter.
        """
        newest = [step or _NOTHING for step in self.steps[: -STEPS - 1 : -1]]
        return {name: [step[place] for step in newest] for place, name in enumerate(STEP)}

    def to_columns(self) -> dict[str, list[Any]]:
        """The lists as the feature store keeps them: "" for no device, NaN for no place.

        Feast cannot hold a null inside a list.
        """
        return {
            "timestamps": list(self.timestamps),
            "transaction_ids": list(self.transaction_ids),
            "amounts": list(self.amounts),
            "merchant_ids": list(self.merchant_ids),
            "device_ids": [device or "" for device in self.device_ids],
            "latitudes": [math.nan if value is None else value for value in self.latitudes],
            "longitudes": [math.nan if value is None else value for value in self.longitudes],
            "steps": [
                math.nan if value is None else value
                for step in self.steps[-STEPS:]
                for value in step or _NOTHING
            ],
        }

    @staticmethod
    def from_columns(columns: Mapping[str, Sequence[Any] | None]) -> History:
        """The history that `to_columns` wrote; empty where the feature store knows nothing.

        A column may be a sequence or a NumPy array of any length up to K.
        """
        if columns.get("timestamps") is None:
            return History()
        return History(
            timestamps=tuple(_values(columns, "timestamps")),
            transaction_ids=tuple(_values(columns, "transaction_ids")),
            amounts=tuple(_values(columns, "amounts")),
            merchant_ids=tuple(_values(columns, "merchant_ids")),
            device_ids=tuple([device or None for device in _values(columns, "device_ids")]),
            latitudes=tuple(_known(_values(columns, "latitudes"))),
            longitudes=tuple(_known(_values(columns, "longitudes"))),
            steps=_steps(columns),
        )

    def _before(self, transaction: Transaction) -> int:
        key = (transaction.timestamp, transaction.transaction_id)
        place = len(self)
        while place and (self.timestamps[place - 1], self.transaction_ids[place - 1]) >= key:
            place -= 1
        return place


def _put(column: tuple[T, ...], place: int, value: T) -> tuple[T, ...]:
    return (*column[:place], value, *column[place:])[-K:]


def _values(columns: Mapping[str, Any], name: str) -> Sequence[Any]:
    column = columns[name]
    return column.tolist() if hasattr(column, "tolist") else column


def step_of(known: Mapping[str, float | None]) -> Step | None:
    """What is kept of a payment's features for the payments after it; None where none is known."""
    step = tuple([known.get(name) for name in STEP])
    return None if step == _NOTHING else step


def _steps(columns: Mapping[str, Any]) -> tuple[Step | None, ...]:
    """Steps of the newest payments, none of the older ones."""
    count = len(_values(columns, "timestamps"))
    flat = [] if columns.get("steps") is None else _known(_values(columns, "steps"))
    known = [
        _step(tuple(flat[start : start + len(STEP)])) for start in range(0, len(flat), len(STEP))
    ]
    return (*[None] * (count - len(known)), *known)


def _step(values: Step) -> Step | None:
    return None if values == _NOTHING else values


def _known(values: Sequence[float]) -> Sequence[float | None]:
    """The values, NaN as none: it alone is not itself, and makes a sum what it is."""
    if not math.isnan(sum(values)):
        return values
    return [value if value == value else None for value in values]
