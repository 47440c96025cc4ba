"""The model inputs of past payments, made once more by the online engine from lake and tables.

The data pipeline has them from SQL; a frame is only trained on where both engines agree. What is
live comes from the user's payments in the lake, what is daily from the newest row that the online
store could have held.
"""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from components.common import lake
from components.common.features import MIDNIGHT_TTL
from components.common.parity import Floats
from components.common.settings import Settings
from components.fraud.features import FRAUD_TRANSACTION, TABLES, live_features
from components.fraud.history import History, K, Transaction

if TYPE_CHECKING:
    import pandas as pd


def recompute(settings: Settings, rows: pd.DataFrame) -> dict[str, Floats]:
    """Model input → its values [n] for payments, NaN for null.

    rows: `transaction_id`, `user_id`, `merchant_id` and `event_timestamp` of payments in the lake.
    """
    columns = _live(settings, rows)
    for table in TABLES:
        if table.cadence == "midnight":
            columns |= _daily(settings, table.name, table.entity, table.names, rows)
    return columns


def _live(settings: Settings, rows: pd.DataFrame) -> dict[str, Floats]:
    zone = ZoneInfo(settings.timezone)
    payments = _payments(settings, rows)
    found = [live_features(*_before(payments[user], name), zone) for user, name in _keys(rows)]
    return {
        name: np.array([np.nan if one[name] is None else one[name] for one in found], dtype=float)
        for name in FRAUD_TRANSACTION.names
    }


def _keys(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["user_id"], rows["transaction_id"], strict=True))


def _before(payments: list[Transaction], name: str) -> tuple[Transaction, History]:
    """The payment of that name and the user's history before it, as a service that saw them all."""
    place = next(at for at, payment in enumerate(payments) if payment.transaction_id == name)
    history = History()
    for payment in payments[max(0, place - K) : place]:
        history = history.append(payment)
    return payments[place], history


def _payments(settings: Settings, rows: pd.DataFrame) -> dict[str, list[Transaction]]:
    """The payments of the users of some rows, in their total order; an id counts where earliest."""
    fields = "transaction_id, event_timestamp, user_id, merchant_id, amount"
    with lake.connect() as connection:
        connection.register("asked", rows[["user_id"]].drop_duplicates())
        found: list[tuple[Any, ...]] = connection.execute(
            f"""
            SELECT {fields}, nullif(device_id, ''), latitude, longitude
            FROM {lake.scan(settings.lake, "transactions")} SEMI JOIN asked USING (user_id)
            QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY event_timestamp) = 1
            ORDER BY event_timestamp, transaction_id"""
        ).fetchall()
    by_user: dict[str, list[Transaction]] = defaultdict(list)
    for values in found:
        payment = Transaction(*(_known(value) for value in values))
        by_user[payment.user_id].append(payment)
    return by_user


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _daily(
    settings: Settings, table: str, entity: str, names: tuple[str, ...], rows: pd.DataFrame
) -> dict[str, Floats]:
    """The newest row of each entity at the moment of the payment, null where it is too old."""
    path = lake.quote(settings.feature_tables / f"{table}.parquet")
    asked = rows[[entity, "event_timestamp"]].assign(row=range(len(rows)))
    seconds = MIDNIGHT_TTL.total_seconds()
    fresh = f"asked.event_timestamp - kept.event_timestamp <= to_seconds({seconds})"
    values = ", ".join(f"CASE WHEN {fresh} THEN kept.{name} END AS {name}" for name in names)
    with lake.connect() as connection:
        connection.register("asked", asked)
        found = connection.execute(
            f"""
            SELECT {values} FROM asked ASOF LEFT JOIN {path} AS kept
            ON asked.{entity} = kept.{entity} AND asked.event_timestamp >= kept.event_timestamp
            ORDER BY row"""
        ).df()
    return {name: found[name].to_numpy(np.float64, na_value=np.nan) for name in names}
