"""The newest state of each user: the list columns of `History`, oldest payment first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.common.feature_writer import TIMESTAMP, whole_file
from components.common.series import grouped, offsets
from components.fraud.features.payments import Payments
from components.fraud.history import REMEMBERED, K


def write_user_history(payments: Payments, path: Path) -> None:
    """Write the last K payments of each user, and how many there were; whole or not at all."""
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
