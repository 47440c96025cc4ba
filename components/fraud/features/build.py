"""From the lake to the four feature tables of fraud."""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted or parameters

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from components.common.contracts import OUTCOMES, TRANSACTIONS
from components.common.features import (
    DAY,
    engine,
    local_microseconds,
    make_midnights,
    microseconds,
    midnight,
    scan,
    write,
)
from components.fraud.features.daily import FRAUD_MERCHANT_DAILY, FRAUD_USER_DAILY
from components.fraud.features.live import FRAUD_TRANSACTION
from components.fraud.features.midnights import daily_features
from components.fraud.features.moment import AMOUNT_LIMIT
from components.fraud.features.refresh import between_midnights
from components.fraud.features.windows import (
    live_features,
    ordered_payments,
    user_history,
)

if TYPE_CHECKING:
    import duckdb

USER_HISTORY = "fraud_user_history"


def build_feature_tables(
    lake: Path,
    out: Path,
    timezone: str,
    as_of: datetime | None = None,
    refresh_hours: int = 24,
) -> dict[str, Path]:
    """Build every feature table of fraud and say where each one is (`out/<name>.parquet`).

    lake: contract tables `transactions` and `outcomes`; out: a folder, made where missing;
    timezone: calendar of hours and midnights; as_of: what happened or became known later is not
    seen (default: the newest payment); refresh_hours: how often the tables are made anew, so that
    no row knows of an outcome before it could have (24: at midnight only). The same input gives the
    same bytes. Raises `FinloopError` where a required column is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    zone = ZoneInfo(timezone)
    with (
        tempfile.TemporaryDirectory(prefix=".build-", dir=out) as scratch,
        engine(Path(scratch)) as connection,
    ):
        last = _prepare(connection, lake, zone, as_of)
        between = between_midnights("merchant", refresh_hours, last) if refresh_hours < 24 else None
        queries = {
            FRAUD_USER_DAILY.name: daily_features(FRAUD_USER_DAILY, "user", "merchant"),
            FRAUD_MERCHANT_DAILY.name: daily_features(
                FRAUD_MERCHANT_DAILY, "merchant", "user", between
            ),
            USER_HISTORY: user_history(),
            FRAUD_TRANSACTION.name: live_features(FRAUD_TRANSACTION),
        }
        paths = {name: out / f"{name}.parquet" for name in queries}
        for name, query in queries.items():
            write(connection, query, paths[name])
    return paths


def _prepare(
    connection: duckdb.DuckDBPyConnection, lake: Path, zone: ZoneInfo, as_of: datetime | None
) -> int:
    """Make the tables that the queries read: *_names, payments, known, midnights, ordered.

    The last moment that they know of, in microseconds.
    """
    scan(connection, lake, TRANSACTIONS)
    scan(connection, lake, OUTCOMES)
    _read(connection, None if as_of is None else microseconds(as_of))
    first, newest = connection.execute("SELECT min(t), max(t) FROM raw").fetchall()[0]
    last = microseconds(as_of) if as_of is not None else (newest or 0)
    first = last if first is None else first
    for name in ("user", "merchant", "device"):
        connection.execute(_names(name))
    connection.execute(_payments(local_microseconds("t", zone, first, last)))
    connection.execute("DROP TABLE raw")
    connection.execute(_known(local_microseconds("known_t", zone, first, last)), [last])
    make_midnights(connection, zone, first // DAY - 1, _last_midnight(zone, last))
    connection.execute(f"CREATE TABLE ordered AS {ordered_payments()}")
    return last


def _read(connection: duckdb.DuckDBPyConnection, until: int | None) -> None:
    """Read the payments into `raw`; a transaction id counts once, where it is earliest."""
    connection.execute(
        """
        CREATE TABLE raw AS
        SELECT transaction_id, epoch_us(event_timestamp) AS t, user_id, merchant_id, amount,
            nullif(device_id, '') AS device_id, latitude, longitude
        FROM transactions WHERE $1 IS NULL OR epoch_us(event_timestamp) <= $1""",
        [until],
    )
    distinct = "SELECT count(*) = count(DISTINCT hash(transaction_id)) FROM raw"
    if not connection.execute(distinct).fetchall()[0][0]:
        connection.execute(
            """
            CREATE OR REPLACE TABLE raw AS SELECT * FROM raw QUALIFY row_number() OVER (
                PARTITION BY transaction_id ORDER BY t, user_id, merchant_id, amount) = 1"""
        )


def _last_midnight(zone: ZoneInfo, last: int) -> int:
    day = last // DAY + 1
    while midnight(day, zone) > last:
        day -= 1
    return day


def _names(name: str) -> str:
    """Number users, merchants and devices: the engine sorts and groups by integers."""
    return f"""
        CREATE TABLE {name}_names AS
        SELECT id, row_number() OVER (ORDER BY id)::INTEGER AS no
        FROM (SELECT DISTINCT {name}_id AS id FROM raw WHERE {name}_id IS NOT NULL)"""


def _payments(local: str) -> str:
    """Payments in their total order `sequence`; `milli` is the amount as a whole number."""
    return f"""
        CREATE TABLE payments AS
        SELECT row_number() OVER (ORDER BY t, transaction_id)::INTEGER AS sequence,
            transaction_id, t, users.no AS user_no, merchants.no AS merchant_no,
            devices.no AS device_no, amount,
            floor(least(amount, {AMOUNT_LIMIT}) * 1000 + 0.5)::BIGINT AS milli,
            latitude, longitude, ({local} // {DAY})::INTEGER AS day,
            ({local} // 3600000000 % 24)::TINYINT AS hour,
            (({local} // {DAY} + 3) % 7)::TINYINT AS weekday
        FROM raw JOIN user_names AS users ON users.id = user_id
        JOIN merchant_names AS merchants ON merchants.id = merchant_id
        LEFT JOIN device_names AS devices ON devices.id = device_id"""


def _known(local: str) -> str:
    """First report of each verdict on a payment, on the local day when it became known."""
    return f"""
        CREATE TABLE known AS
        SELECT user_no, merchant_no, sequence, is_fraud, known_t,
            ({local} // {DAY})::INTEGER AS known_day
        FROM (SELECT user_no, merchant_no, sequence, is_fraud,
                  min(epoch_us(outcome_timestamp)) AS known_t
              FROM outcomes JOIN payments USING (transaction_id) GROUP BY ALL)
        WHERE known_t < $1"""
