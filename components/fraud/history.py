"""A payment and the payments of the same user just before it, as the online engine sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

K = 64
"""Payments that are remembered per user, online and offline."""

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

    def __len__(self) -> int:
        return len(self.timestamps)

    def append(self, transaction: Transaction) -> History:
        """This history with one more payment in its place; unchanged where it was there already."""
        if transaction.transaction_id in self.transaction_ids:
            return self
        place = self._before(transaction)
        row = (
            transaction.timestamp,
            transaction.transaction_id,
            transaction.amount,
            transaction.merchant_id,
            transaction.device_id,
            transaction.latitude,
            transaction.longitude,
        )
        return History(
            *(
                (*column[:place], value, *column[place:])[-K:]
                for column, value in zip(self._columns(), row, strict=True)
            )
        )

    def before(self, transaction: Transaction) -> History:
        """The payments strictly before another one, by (timestamp, transaction_id)."""
        place = self._before(transaction)
        if place == len(self):
            return self
        return History(*(column[:place] for column in self._columns()))

    def to_columns(self) -> dict[str, list[Any]]:
        """The lists as the feature store keeps them: "" for no device, NaN for no place.

        Feast cannot hold a null inside a list.
        """
        columns: dict[str, list[Any]] = {
            field.name: list(column)
            for field, column in zip(fields(self), self._columns(), strict=True)
        }
        columns["device_ids"] = [device or "" for device in self.device_ids]
        for name in ("latitudes", "longitudes"):
            columns[name] = [float("nan") if value is None else value for value in columns[name]]
        return columns

    @staticmethod
    def from_columns(columns: Mapping[str, Sequence[Any] | None]) -> History:
        """The history that `to_columns` wrote; empty where the feature store knows nothing."""
        if columns.get("timestamps") is None:
            return History()
        column = {field.name: columns[field.name] or () for field in fields(History)}
        return History(
            timestamps=tuple(map(int, column["timestamps"])),
            transaction_ids=tuple(map(str, column["transaction_ids"])),
            amounts=tuple(map(float, column["amounts"])),
            merchant_ids=tuple(map(str, column["merchant_ids"])),
            device_ids=tuple(device or None for device in column["device_ids"]),
            latitudes=tuple(map(_known, column["latitudes"])),
            longitudes=tuple(map(_known, column["longitudes"])),
        )

    def _columns(self) -> tuple[tuple[Any, ...], ...]:
        return (
            self.timestamps,
            self.transaction_ids,
            self.amounts,
            self.merchant_ids,
            self.device_ids,
            self.latitudes,
            self.longitudes,
        )

    def _before(self, transaction: Transaction) -> int:
        key = (transaction.timestamp, transaction.transaction_id)
        place = len(self)
        while place and (self.timestamps[place - 1], self.transaction_ids[place - 1]) >= key:
            place -= 1
        return place


def _known(value: float | None) -> float | None:
    return None if value is None or value != value else float(value)  # noqa: PLR0124 (NaN)
