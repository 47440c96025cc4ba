"""The newest state of each user: the list columns of `History`, oldest payment first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.common.feature_writer import TIMESTAMP, whole_file
from components.common.features import MIDNIGHT_TTL
from components.common.series import grouped, offsets
from components.fraud.features.daily import FRAUD_MERCHANT_DAILY
from components.fraud.features.live import FRAUD_TRANSACTION
from components.fraud.features.payments import Payments
from components.fraud.history import REMEMBERED, K
from components.fraud.sequence_steps import STEP, STEPS


def write_user_history(payments: Payments, tables: Mapping[str, Path], path: Path) -> None:
    """Write the last K payments of each user, and how many there were; whole or not at all.

    tables: the feature tables of these payments by name, from which their steps are taken.
    """
    user, users = payments.party["user"], payments.names["user"]
    order = grouped(user)
    starts = offsets(user[order], len(users))
    ends = np.repeat(starts[1:], np.diff(starts))
    rows = order[np.arange(len(order)) >= ends - K]
    bounds = pa.array(offsets(user[rows], len(users)), pa.int32())
    newest = pa.array(payments.t[order[starts[1:] - 1]]).cast(TIMESTAMP)
    lists = {
        name: pa.ListArray.from_arrays(bounds, values)
        for name, values in _columns(payments, rows).items()
    }
    lists["steps"] = _steps(payments, order[np.arange(len(order)) >= ends - STEPS], tables)
    moments = {"event_timestamp": newest, "created": newest}
    table = pa.table({"user_id": users, **moments, **lists, REMEMBERED: np.diff(starts)})
    with whole_file(path) as fresh:
        pq.write_table(table, fresh)


def _columns(payments: Payments, rows: np.ndarray) -> dict[str, pa.Array]:
    merchant, device = (payments.party[name][rows] for name in ("merchant", "device"))
    devices = payments.names["device"].take(pa.array(device, mask=device < 0))
    return {
        "timestamps": pa.array(payments.t[rows]),
        "transaction_ids": payments.transaction_id.take(pa.array(rows)),
        "amounts": pa.array(payments.amount[rows]),
        "merchant_ids": payments.names["merchant"].take(pa.array(merchant)),
        "device_ids": devices.fill_null(""),
        "latitudes": pa.array(payments.latitude[rows]),
        "longitudes": pa.array(payments.longitude[rows]),
    }


def _steps(payments: Payments, rows: np.ndarray, tables: Mapping[str, Path]) -> pa.ListArray:
    """The steps of the newest payments of each user, oldest first, one after the other."""
    user, users = payments.party["user"], payments.names["user"]
    merchant = payments.names["merchant"].take(pa.array(payments.party["merchant"][rows]))
    asked = pa.table(
        {
            "place": np.arange(len(rows)),
            "transaction_id": payments.transaction_id.take(pa.array(rows)),
            "merchant_id": merchant,
            "t": pa.array(payments.t[rows]).cast(TIMESTAMP),
        }
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("asked", asked)
        files = {name: str(path) for name, path in tables.items()}
        found = connection.sql(_steps_sql(), params={"ttl": MIDNIGHT_TTL, **files}).to_arrow_table()
    values = np.stack([found[name].to_numpy() for name in STEP], axis=1)  # a null becomes NaN
    bounds = offsets(user[rows], len(users)) * len(STEP)
    return pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), pa.array(values.ravel()))


def _steps_sql() -> str:
    """Live features of the payment itself, daily ones as of its time unless they are too old."""
    live, daily = FRAUD_TRANSACTION.names, FRAUD_MERCHANT_DAILY.names
    columns = ", ".join(
        f"live.{name}"
        if name in live
        else f"CASE WHEN daily.event_timestamp >= t - $ttl THEN daily.{name} END AS {name}"
        for name in STEP
        if name in (*live, *daily)
    )
    return f"""
        SELECT {columns} FROM asked
        JOIN read_parquet(${FRAUD_TRANSACTION.name}) AS live USING (transaction_id)
        ASOF LEFT JOIN read_parquet(${FRAUD_MERCHANT_DAILY.name}) AS daily
            ON daily.merchant_id = asked.merchant_id AND daily.event_timestamp <= asked.t
        ORDER BY place"""  # noqa: S608 - names of ours
