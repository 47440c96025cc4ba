"""The model inputs of past payments, made once more by the online engine from lake and tables.

The data pipeline has them from SQL; a frame is only trained on where both engines agree. What is
live comes from the user's payments in the lake, what is daily from the newest row that the online
store could have held, and what a sequence holds from the steps that a history would have kept.
"""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from components.common import lake
from components.common.features import MIDNIGHT_TTL, FeatureTable
from components.common.lags import flatten, lag_names
from components.common.parity import Floats
from components.common.settings import Settings
from components.fraud.features import MODEL_INPUT, TABLES, live_features
from components.fraud.history import History, K, Transaction, step_of
from components.fraud.sequence_steps import STEP

if TYPE_CHECKING:
    import pandas as pd

Values = Mapping[str, float | None]
_ENTITIES = ("user_id", "merchant_id")


def recompute(settings: Settings, rows: pd.DataFrame, lags: int = 0) -> dict[str, Floats]:
    """Model input → its values [n] for payments, NaN for null.

    rows: `transaction_id` and `user_id` of payments in the lake. lags: payments before each one
    whose steps are inputs as well.
    """
    asked = list(_asked(settings, rows, lags))
    told = [payment for one in asked for payment in one.payments[-lags - 1 :]]
    daily = _daily(settings, {payment.transaction_id: payment for payment in told})
    zone = ZoneInfo(settings.timezone)
    found = [one.inputs(daily, lags, zone) for one in asked]
    names = dict.fromkeys((*MODEL_INPUT, *(lag_names(STEP, lags) if lags else ())))
    return {name: np.array([_nan(one.get(name)) for one in found], dtype=float) for name in names}


@dataclass(frozen=True)
class _Asked:
    """A payment and whatever came before it that may matter."""

    payments: Sequence[Transaction]
    """Payments of one user in their total order, the one that is asked about last."""

    def inputs(self, daily: Mapping[str, Values], lags: int, zone: ZoneInfo) -> Values:
        """The inputs of the last payment, as a service makes them that saw all the others."""
        *before, last = self.payments
        history = History()
        for place, payment in enumerate(before, start=lags - len(before)):
            seen = payment
            if place >= 0:  # one of the last `lags`: it goes in with what was known of it
                live = live_features(payment, history, zone)
                seen = replace(payment, step=step_of({**live, **daily[payment.transaction_id]}))
            history = history.append(seen)
        live = live_features(last, history, zone)
        past = flatten(history.past()) if lags else {}
        return {**live, **daily[last.transaction_id], **past}


def _asked(settings: Settings, rows: pd.DataFrame, lags: int) -> Iterator[_Asked]:
    payments = _payments(settings, rows)
    for user, name in zip(rows["user_id"], rows["transaction_id"], strict=True):
        known = payments[user]
        place = next(at for at, payment in enumerate(known) if payment.transaction_id == name)
        yield _Asked(known[max(0, place - lags - K) : place + 1])


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


def _nan(value: float | None) -> float:
    return np.nan if value is None else value


def _daily(settings: Settings, payments: Mapping[str, Transaction]) -> Mapping[str, Values]:
    """What the tables of midnights say of each payment, by its id."""
    import pandas as pd

    found: dict[str, dict[str, float | None]] = {name: {} for name in payments}
    columns = ("event_timestamp", *_ENTITIES)
    rows = pd.DataFrame(
        [[getattr(payment, column) for column in columns] for payment in payments.values()],
        columns=list(columns),
    )
    for table in TABLES:
        if table.cadence == "midnight":
            for known, values in zip(found.values(), _newest(settings, table, rows), strict=True):
                known.update(zip(table.names, values, strict=True))
    return found


def _newest(settings: Settings, table: FeatureTable, rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    """The newest row of each entity at the moment of the payment, null where it is too old."""
    path = lake.quote(settings.feature_tables / f"{table.name}.parquet")
    asked = rows[[table.entity, "event_timestamp"]].assign(row=range(len(rows)))
    seconds = MIDNIGHT_TTL.total_seconds()
    fresh = f"asked.event_timestamp - kept.event_timestamp <= to_seconds({seconds})"
    values = ", ".join(f"CASE WHEN {fresh} THEN kept.{name} END AS {name}" for name in table.names)
    with lake.connect() as connection:
        connection.register("asked", asked)
        return connection.execute(
            f"""
            SELECT {values} FROM asked ASOF LEFT JOIN {path} AS kept
            ON asked.{table.entity} = kept.{table.entity}
                AND asked.event_timestamp >= kept.event_timestamp
            ORDER BY row"""
        ).fetchall()
