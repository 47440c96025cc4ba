"""Payments and known outcomes of a lake as columns, in their total order.

That order is (event_timestamp, transaction_id): the number of a row is the place of its payment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.common.clock import Clock, microseconds
from components.common.contracts import OUTCOMES, TRANSACTIONS
from components.common.lake import connect
from components.common.lake_views import make_view
from components.common.series import Flags, Floats, Ints
from components.fraud.features.moment import AMOUNT_LIMIT

if TYPE_CHECKING:
    import duckdb

PARTIES = ("user", "merchant", "device")


@dataclass(frozen=True)
class Payments:
    """Every payment; parties by number, -1 where unknown."""

    transaction_id: pa.Array
    t: Ints
    """Microseconds since 1970 UTC."""
    amount: Floats
    milli: Ints
    """The amount as a whole number of thousandths."""
    latitude: Floats
    longitude: Floats
    party: Mapping[str, NDArray[np.int32]]
    names: Mapping[str, pa.Array]
    """The id of each number."""


@dataclass(frozen=True)
class Known:
    """First report of each verdict on a payment, in the order in which they became known."""

    payment: Ints
    """Row in `Payments`."""
    t: Ints
    """When it became known, in microseconds."""
    is_fraud: Flags


@dataclass(frozen=True)
class Past:
    """All that happened and became known until `clock.last`."""

    payments: Payments
    known: Known
    clock: Clock

    @cached_property
    def paid_on(self) -> Ints:
        """The day of each payment."""
        return self.clock.days(self.payments.t)

    @cached_property
    def told_on(self) -> Ints:
        """The day on which each outcome became known."""
        return self.clock.days(self.known.t)


@dataclass(frozen=True)
class Begun:
    """Payments that are read, and outcomes that are being read meanwhile."""

    payments: Payments
    clock: Clock
    known: Future[Known]

    def past(self) -> Past:
        """All of it, as soon as it is there."""
        return Past(self.payments, self.known.result(), self.clock)


@contextmanager
def reading(lake: Path, zone: ZoneInfo, as_of: datetime | None, scratch: Path) -> Iterator[Begun]:
    """Read the contract tables `transactions` and `outcomes`.

    as_of: what happened or became known later is not seen (default: the newest payment).
    Raises `FinloopError` where a required column is missing.
    """
    until = None if as_of is None else microseconds(as_of)
    with connect(scratch) as connection, ThreadPoolExecutor() as pool:
        make_view(connection, lake, TRANSACTIONS)
        make_view(connection, lake, OUTCOMES)
        raw = _raw_payments(connection, until)
        ids, t = raw["transaction_id"], raw["t"].to_numpy()
        last = until if until is not None else int(t.max(initial=0))
        order = pool.submit(_total_order, t, ids)
        known = pool.submit(_read_known, connection.cursor(), ids, order, last)
        payments = _columns(raw, order.result(), pool)
        del raw
        first = int(payments.t[0]) if len(payments.t) else last
        yield Begun(payments, Clock(zone, first, last), known)


def _raw_payments(connection: duckdb.DuckDBPyConnection, until: int | None) -> pa.Table:
    """A transaction id counts once, where it is earliest."""
    raw = connection.sql(
        """
        SELECT transaction_id, epoch_us(event_timestamp) AS t, user_id, merchant_id, amount,
            nullif(device_id, '') AS device_id, latitude, longitude, hash(transaction_id) AS hash
        FROM transactions WHERE $until IS NULL OR epoch_us(event_timestamp) <= $until""",
        params={"until": until},
    ).to_arrow_table()
    if np.diff(np.sort(raw["hash"].to_numpy())).all():
        return raw
    return connection.sql(
        """
        SELECT * FROM raw QUALIFY row_number() OVER (
            PARTITION BY transaction_id ORDER BY t, user_id, merchant_id, amount) = 1"""
    ).to_arrow_table()


def _raw_outcomes(connection: duckdb.DuckDBPyConnection, payments: pa.ChunkedArray) -> pa.Table:
    """Outcomes of these payments, each with the number of its payment."""
    numbered = pa.table({"transaction_id": payments, "payment": np.arange(len(payments))})
    connection.register("numbered", numbered)
    return connection.sql(
        """
        SELECT payment, is_fraud, epoch_us(outcome_timestamp) AS t
        FROM outcomes JOIN numbered USING (transaction_id)"""
    ).to_arrow_table()


def _read_known(
    connection: duckdb.DuckDBPyConnection, ids: pa.ChunkedArray, order: Future[Ints], last: int
) -> Known:
    return _known(_raw_outcomes(connection, ids), np.argsort(order.result()), last)


def _columns(raw: pa.Table, order: Ints, pool: Executor) -> Payments:
    ids = (raw[f"{name}_id"] for name in PARTIES)
    coded = dict(zip(PARTIES, pool.map(_coded, ids), strict=True))
    amount, latitude, longitude = (
        raw[name].to_numpy()[order] for name in ("amount", "latitude", "longitude")
    )
    return Payments(
        transaction_id=raw["transaction_id"].combine_chunks().take(pa.array(order)),
        t=raw["t"].to_numpy()[order],
        amount=amount,
        milli=np.floor(np.minimum(amount, AMOUNT_LIMIT) * 1000 + 0.5).astype(np.int64),
        latitude=latitude,
        longitude=longitude,
        party={name: numbers[order] for name, (numbers, _) in coded.items()},
        names={name: names for name, (_, names) in coded.items()},
    )


def _total_order(t: Ints, transaction_id: pa.ChunkedArray) -> Ints:
    """Rows by (t, transaction_id); ids are compared only where times are the same."""
    order = np.argsort(t, kind="stable")
    alike = np.diff(t[order]) == 0
    tied = np.flatnonzero(np.append(alike, False) | np.insert(alike, 0, False))
    if len(tied):
        rows = order[tied]
        keys = pa.table({"t": t[rows], "id": transaction_id.take(pa.array(rows))})
        order[tied] = rows[_sorted(keys, "t", "id")]
    return order


def _coded(ids: pa.ChunkedArray) -> tuple[NDArray[np.int32], pa.Array]:
    """A number for each id, in the order of ids, and the ids; -1 for null."""
    coded = ids.combine_chunks().dictionary_encode()
    names: pa.Array = coded.dictionary
    order = _sorted(pa.table({"id": names}), "id")
    rank = np.empty(len(names) + 1, dtype=np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    rank[-1] = -1
    return rank[coded.indices.fill_null(-1).to_numpy()], names.take(pa.array(order))


def _sorted(table: pa.Table, *columns: str) -> Ints:
    """The order of rows by these columns."""
    by = pc.SortOptions([(name, "ascending") for name in columns])
    return pc.call_function("sort_indices", [table], by).to_numpy()


def _known(raw: pa.Table, place: Ints, last: int) -> Known:
    """What had become known before `last`; `place` is the row of each payment of the raw table."""
    raw = raw.filter(pc.field("t") < last)
    payment, t = place[raw["payment"].to_numpy()], raw["t"].to_numpy()
    is_fraud = raw["is_fraud"].to_numpy()
    order = np.lexsort((is_fraud, payment, t))
    verdict = payment[order] * 2 + is_fraud[order]
    order = order[np.sort(np.unique(verdict, return_index=True)[1])]
    return Known(payment[order], t[order], is_fraud[order])
