"""The newest state of each user: the list columns of `History`, oldest payment first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.common.feature_writer import TIMESTAMP, whole_file
from components.common.features import MIDNIGHT_TTL
from components.common.series import Floats, Ints, grouped, offsets
from components.fraud.features.daily import FRAUD_MERCHANT_DAILY
from components.fraud.features.live import FRAUD_TRANSACTION
from components.fraud.features.payments import Payments
from components.fraud.history import REMEMBERED, K
from components.fraud.sequence_steps import STEP, STEPS

_MICROSECOND = timedelta(microseconds=1)


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


def _steps(payments: Payments, rows: Ints, tables: Mapping[str, Path]) -> pa.ListArray:
    """The steps of the newest payments of each user, oldest first, one after the other."""
    user, users = payments.party["user"], payments.names["user"]
    names = payments.transaction_id.take(pa.array(rows))
    known = {
        **_live(tables[FRAUD_TRANSACTION.name], names),
        **_daily(tables[FRAUD_MERCHANT_DAILY.name], payments, rows),
    }
    values = np.stack([known[name] for name in STEP], axis=1)
    bounds = offsets(user[rows], len(users)) * len(STEP)
    return pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), pa.array(values.ravel()))


def _live(path: Path, names: pa.Array) -> dict[str, Floats]:
    """What was known of the payments themselves, by feature; NaN is null."""
    features = [name for name in STEP if name in FRAUD_TRANSACTION.names]
    asked = pa.table({"place": np.arange(len(names)), "transaction_id": names})
    with duckdb.connect() as connection:
        connection.register("asked", asked)
        found = connection.sql(
            f"SELECT {', '.join(features)} FROM asked "  # noqa: S608 - names of ours
            "JOIN read_parquet($path) USING (transaction_id) ORDER BY place",
            params={"path": str(path)},
        ).to_arrow_table()
    return {name: found[name].to_numpy() for name in features}


def _daily(path: Path, payments: Payments, rows: Ints) -> dict[str, Floats]:
    """What was known of their merchants at the time, by feature; NaN is null, or too long ago."""
    features = [name for name in STEP if name in FRAUD_MERCHANT_DAILY.names]
    merchant, names = payments.party["merchant"][rows], payments.names["merchant"]
    at = _newest(path, FRAUD_MERCHANT_DAILY.entity, names, merchant, payments.t[rows])
    found = pq.read_table(path, columns=features)
    return {
        name: np.where(at < 0, np.nan, np.append(found[name].to_numpy(), np.nan)[at])
        for name in features
    }


def _newest(
    path: Path, entity: str, names: pa.Array, asked: npt.NDArray[np.integer], t: Ints
) -> Ints:
    """Row of a table of midnights that is in force for each (entity, moment); -1 for none.

    asked: numbers of entities in `names` [n]; t: microseconds since 1970 [n]. A join by time in SQL
    would sort the whole table with all its columns, for a few rows of it.
    """
    keys = pq.read_table(path, columns=[entity, "event_timestamp"], read_dictionary=[entity])
    column = keys.unify_dictionaries()[entity].combine_chunks()
    number = pc.call_function("index_in", [column.dictionary], pc.SetLookupOptions(names))
    of = number.to_numpy().astype(np.int64)[column.indices.to_numpy()]
    moment = keys["event_timestamp"].cast(pa.int64()).to_numpy()
    if not len(moment):  # nobody has seen a midnight yet
        return np.full(len(asked), -1)
    ticks = np.unique(moment)
    place = of * (len(ticks) + 1) + np.searchsorted(ticks, moment) + 1
    order = np.argsort(place, kind="stable")  # as they lie already
    wanted = asked.astype(np.int64) * (len(ticks) + 1) + np.searchsorted(ticks, t, "right")
    last = np.append(order, -1)[np.searchsorted(place[order], wanted, "right") - 1]
    in_force = (
        (last >= 0) & (of[last] == asked) & (t - moment[last] <= MIDNIGHT_TTL // _MICROSECOND)
    )
    return np.where(in_force, last, -1)
