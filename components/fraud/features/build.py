"""From the lake to the four feature tables of fraud."""

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
from components.fraud.features.windows import (
    live_features,
    ordered_payments,
    user_history,
    visits,
)

if TYPE_CHECKING:
    import duckdb

USER_HISTORY = "fraud_user_history"


def build_feature_tables(
    lake: Path, out: Path, timezone: str, as_of: datetime | None = None
) -> dict[str, Path]:
    """Build every feature table of fraud and say where each one is (`out/<name>.parquet`).

    lake: contract tables `transactions` and `outcomes`; out: a folder, made where missing; timezone:
    calendar of hours and midnights; as_of: what happened or became known later is not seen (default:
    the newest payment). The same input gives the same bytes. Raises `FinloopError` where a required
    column is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    zone = ZoneInfo(timezone)
    with (
        tempfile.TemporaryDirectory(prefix=".build-", dir=out) as scratch,
        engine(Path(scratch)) as connection,
    ):
        _prepare(connection, lake, zone, as_of)
        queries = {
            FRAUD_USER_DAILY.name: daily_features(FRAUD_USER_DAILY, "user_no", "merchant_no"),
            FRAUD_MERCHANT_DAILY.name: daily_features(
                FRAUD_MERCHANT_DAILY, "merchant_no", "user_no"
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
) -> None:
    """Make the tables that the queries read: payments, known, midnights, ordered, visited."""
    scan(connection, lake, TRANSACTIONS)
    scan(connection, lake, OUTCOMES)
    until = None if as_of is None else microseconds(as_of)
    first, newest = connection.execute(
        "SELECT min(epoch_us(event_timestamp)), max(epoch_us(event_timestamp)) FROM transactions "
        "WHERE $1 IS NULL OR epoch_us(event_timestamp) <= $1",
        [until],
    ).fetchall()[0]
    last = until if until is not None else (newest or 0)
    first = last if first is None else first
    local = local_microseconds("t", zone, first, last)
    for name in ("user", "merchant"):
        connection.execute(_numbers(name, last))
    connection.execute(_payments(local, last))
    connection.execute(_known(local_microseconds("known_t", zone, first, last), last))
    make_midnights(connection, zone, first // DAY - 1, _last_midnight(zone, last))
    connection.execute(f"CREATE TABLE ordered AS {ordered_payments()}")
    connection.execute(f"CREATE VIEW visited AS {visits()}")


def _last_midnight(zone: ZoneInfo, last: int) -> int:
    day = last // DAY + 1
    while midnight(day, zone) > last:
        day -= 1
    return day


def _numbers(name: str, last: int) -> str:
    """Number the users and merchants: the engine sorts and groups by integers."""
    return f"""
        CREATE TABLE {name}_no_names AS
        SELECT {name}_id AS id, row_number() OVER (ORDER BY {name}_id)::INTEGER AS no
        FROM (SELECT DISTINCT {name}_id FROM transactions WHERE epoch_us(event_timestamp) <= {last})"""


def _payments(local: str, last: int) -> str:
    """Payments in their total order `sequence`; a transaction id counts once, the earliest."""
    return f"""
        CREATE TABLE payments AS
        SELECT *, ({local} // {DAY})::INTEGER AS day, ({local} // 3600000000) % 24 AS hour,
            ({local} // {DAY} + 3) % 7 AS weekday,
            row_number() OVER (ORDER BY t, transaction_id) AS sequence
        FROM (SELECT transaction_id, event_timestamp, epoch_us(event_timestamp) AS t, user_id,
                  users.no AS user_no, merchant_id, merchants.no AS merchant_no, amount, device_id,
                  device_id AS device, latitude, longitude
              FROM transactions JOIN user_no_names AS users ON users.id = user_id
              JOIN merchant_no_names AS merchants ON merchants.id = merchant_id
              WHERE epoch_us(event_timestamp) <= {last})"""


def _known(local: str, last: int) -> str:
    """First report of each verdict on a payment, on the local day when it became known."""
    return f"""
        CREATE TABLE known AS
        SELECT user_no, merchant_no, sequence, is_fraud, known_t, ({local} // {DAY})::INTEGER AS known_day
        FROM (SELECT transaction_id, is_fraud, min(epoch_us(outcome_timestamp)) AS known_t
              FROM outcomes GROUP BY transaction_id, is_fraud)
        JOIN payments USING (transaction_id) WHERE known_t < {last}"""
