"""From the lake to the four feature tables of fraud."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from components.common.feature_writer import write_features
from components.fraud.features.daily import FRAUD_MERCHANT_DAILY, FRAUD_USER_DAILY
from components.fraud.features.days import DailyPast
from components.fraud.features.history import write_user_history
from components.fraud.features.live import FRAUD_TRANSACTION
from components.fraud.features.midnights import DAYS
from components.fraud.features.payments import reading
from components.fraud.features.windows import live_pieces

USER_HISTORY = "fraud_user_history"
AT_MIDNIGHT = 24
"""Hours between two refreshes where outcomes count from the next midnight."""


def build_feature_tables(
    lake: Path,
    out: Path,
    timezone: str,
    as_of: datetime | None = None,
    refresh_hours: int = AT_MIDNIGHT,
) -> dict[str, Path]:
    """Build every feature table of fraud and say where each one is (`out/<name>.parquet`).

    lake: contract tables `transactions` and `outcomes`; out: a folder, made where missing;
    timezone: calendar of hours and midnights; as_of: what happened or became known later is not
    seen (default: the newest payment); refresh_hours: how often the tables are made anew, so that
    no row knows of an outcome before it could have (24: at midnight only). The same input gives the
    same bytes. Raises `FinloopError` where a required column is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    tables = (FRAUD_TRANSACTION, FRAUD_MERCHANT_DAILY, FRAUD_USER_DAILY)
    paths = {table.name: out / f"{table.name}.parquet" for table in tables}
    live, merchant, user = (paths[table.name] for table in tables)
    with (
        tempfile.TemporaryDirectory(prefix=".build-", dir=out) as scratch,
        reading(lake, ZoneInfo(timezone), as_of, Path(scratch)) as begun,
    ):
        write_features(FRAUD_TRANSACTION, live_pieces(begun.payments, begun.clock), live)
        past = begun.past()
    merchants = DailyPast(past, "merchant", "user", refresh_hours)
    write_features(FRAUD_MERCHANT_DAILY, merchants.pieces(), merchant)
    history = out / f"{USER_HISTORY}.parquet"
    users = DailyPast(past, "user", "merchant", AT_MIDNIGHT, spans=(DAYS,))
    with ThreadPoolExecutor(1) as beside:  # one thread makes it, and the other table leaves cores
        written = beside.submit(write_user_history, past.payments, paths, history)
        write_features(FRAUD_USER_DAILY, users.pieces(), user)
        written.result()
    return {**paths, USER_HISTORY: history}
