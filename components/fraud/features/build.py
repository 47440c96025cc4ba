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
from components.fraud.features.payments import read_past
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
    with tempfile.TemporaryDirectory(prefix=".build-", dir=out) as scratch:
        past = read_past(lake, ZoneInfo(timezone), as_of, Path(scratch))
    users = DailyPast(past, "user", "merchant", AT_MIDNIGHT, spans=(DAYS,))
    merchants = DailyPast(past, "merchant", "user", refresh_hours)
    made = {
        table.name: (table, pieces, out / f"{table.name}.parquet")
        for table, pieces in (
            (FRAUD_MERCHANT_DAILY, merchants.pieces()),
            (FRAUD_TRANSACTION, live_pieces(past)),
            (FRAUD_USER_DAILY, users.pieces()),
        )
    }
    paths = {name: path for name, (_, _, path) in made.items()}
    read = {name: paths[name] for name in (FRAUD_TRANSACTION.name, FRAUD_MERCHANT_DAILY.name)}
    for name in read:
        write_features(*made[name])
    history = out / f"{USER_HISTORY}.parquet"
    with ThreadPoolExecutor(1) as beside:  # one thread makes it, and the other table leaves cores
        written = beside.submit(write_user_history, past.payments, read, history)
        write_features(*made[FRAUD_USER_DAILY.name])
        written.result()
    return {**paths, USER_HISTORY: history}
