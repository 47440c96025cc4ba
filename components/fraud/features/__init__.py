"""What we know about a payment, declared once for both engines.

The map: `live.py` features of a payment against the user's last 64, `daily.py` of users and
merchants as of the last midnight. `moment.py` is the online engine. Offline, `payments.py` reads
the lake, `windows.py` prepares what `live.py` speaks of, `days.py` what `daily.py` speaks of (on a
grid of `midnights.py`, by `spending.py` and `outcomes.py`), and `build.py` makes the tables.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from components.fraud.features.daily import FRAUD_MERCHANT_DAILY, FRAUD_USER_DAILY
from components.fraud.features.live import FRAUD_TRANSACTION
from components.fraud.features.moment import Moment
from components.fraud.history import History, Transaction

TABLES = (FRAUD_TRANSACTION, FRAUD_USER_DAILY, FRAUD_MERCHANT_DAILY)
"""Every feature table that the model reads."""

FEATURES = tuple(feature for table in TABLES for feature in table.features)
"""Every feature, in the order in which the model sees them."""

MODEL_INPUT = tuple(feature.name for feature in FEATURES)
"""Names of the model's inputs, in order."""

_ONLINE = tuple((f.name, f.online) for f in FRAUD_TRANSACTION.features if f.online is not None)


def live_features(
    transaction: Transaction, history: History, timezone: ZoneInfo
) -> dict[str, float | None]:
    """Features of a payment against the user's history, by name; none is a value.

    `history` holds the user's last 64 payments; those not strictly before the payment are left out.
    """
    moment = Moment(transaction, history, timezone)
    values = ((name, online(moment)) for name, online in _ONLINE)
    return {name: None if value is None else float(value) for name, value in values}


def build_feature_tables(
    lake: Path,
    out: Path,
    timezone: str,
    as_of: datetime | None = None,
    refresh_hours: int = 24,
) -> dict[str, Path]:
    """Build every feature table from the lake; see `build.build_feature_tables`."""
    from components.fraud.features import build

    return build.build_feature_tables(lake, out, timezone, as_of, refresh_hours)
