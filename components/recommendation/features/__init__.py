"""What is known of customers, merchants and segments as of a moment.

The map: `profiles.py` declares the features of customers and merchants, `states.py` has the lists
(what a customer paid at which merchant, what is popular in a segment), `payments.py` the view of
the lake that both are made from, and `build.py` writes the tables.

One engine is enough: nothing here is about a single payment, and the service reads what was made.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from components.recommendation.features.profiles import MERCHANT_DAILY, USER_DAILY

TABLES = (USER_DAILY, MERCHANT_DAILY)
"""Tables of features of one customer or one merchant."""

FEATURES = tuple(feature for table in TABLES for feature in table.features)

USER_PROFILE = USER_DAILY.names
"""Names of what is known of a customer, in order; drift is measured on these."""


def build_feature_tables(
    lake: Path,
    out: Path,
    timezone: str,
    as_of: datetime | None = None,
    refresh_hours: int = 24,
) -> dict[str, Path]:
    """Build every feature table from the lake; see `build.build_feature_tables`."""
    from components.recommendation.features import build

    return build.build_feature_tables(lake, out, as_of)
