"""Daily features: what is known of a user and of a merchant as of the last local midnight.

The SQL speaks of the columns that `days.py` prepares. The last thirty days are the thirty
local days before the midnight; an outcome counts on the day on which it became known. Where tables
are refreshed during the day (`outcomes.py`), what became known of a merchant since then counts too.
"""

from __future__ import annotations

from collections.abc import Iterator

from components.common.features import Feature, FeatureTable

USER = "fraud_user_daily"
MERCHANT = "fraud_merchant_daily"

KNOWN_DAYS = (1, 3, 7, 14, 21, 28, 30)
"""Windows of known outcomes, in local days."""
RISK_DAYS = (1, 7, 30)
SPENT_DAYS = (1, 7, 30)
LAST_KNOWN = (5, 10)


def _spending(group: str, prefix: str, who: str, partner: str) -> Iterator[Feature]:
    last = "in the last 30 days"
    yield Feature(
        f"{prefix}_count_30d", group, "payments", f"Payments of the {who} {last}", "count_30d"
    )
    yield Feature(
        f"{prefix}_mean_30d",
        group,
        "currency units",
        f"Mean amount of the {who} {last}",
        "mean_30d",
    )
    yield Feature(
        f"{prefix}_std_30d",
        group,
        "currency units",
        f"Sample standard deviation of the {who}'s amounts {last}; null where all are alike",
        "std_30d",
    )
    yield Feature(
        f"{prefix}_max_30d",
        group,
        "currency units",
        f"Largest amount of the {who} {last}",
        "max_30d",
    )
    yield Feature(
        f"{prefix}_{partner}s_30d",
        group,
        f"{partner}s",
        f"Distinct {partner}s of the {who} {last}",
        "partners_30d",
    )


def _user() -> Iterator[Feature]:
    yield from _spending(USER, "user", "user", "merchant")
    yield Feature(
        "user_frauds_30d",
        USER,
        "payments",
        "Frauds of the user that became known in the last 30 days",
        "frauds_30d",
    )


def _merchant() -> Iterator[Feature]:
    yield from _spending(MERCHANT, "merchant", "merchant", "user")
    for days in (1, 7):
        yield Feature(
            f"merchant_count_{days}d",
            MERCHANT,
            "payments",
            f"Payments to the merchant in the last {days} days",
            f"count_{days}d",
        )
    for days in KNOWN_DAYS:
        yield from _known(days)
    for days in RISK_DAYS:
        yield Feature(
            f"merchant_risk_{days}d",
            MERCHANT,
            "share",
            f"Share of fraud among outcomes that became known in the last {days} days",
            f"frauds_{days}d / nullif(known_{days}d, 0)",
        )
    for count in LAST_KNOWN:
        yield Feature(
            f"merchant_risk_last_{count}",
            MERCHANT,
            "share",
            f"Share of fraud in the newest {count} known outcomes; null where the newest is "
            "older than 30 days",
            f"risk_last_{count}",
        )
    yield from _since()


def _since() -> Iterator[Feature]:
    """How old a compromise is, and whether it goes on."""
    yield Feature(
        "merchant_days_since_fraud",
        MERCHANT,
        "days",
        "Time since a fraud last became known; null where longer than 30 days",
        "days_since_fraud",
    )
    yield Feature(
        "merchant_days_since_first_fraud",
        MERCHANT,
        "days",
        "Time since the first of the frauds that became known in the last 30 days",
        "days_since_first_fraud",
    )
    yield Feature(
        "merchant_days_since_genuine",
        MERCHANT,
        "days",
        "Time since a payment last became known as genuine; null where longer than 30 days",
        "days_since_genuine",
    )


def _known(days: int) -> Iterator[Feature]:
    yield Feature(
        f"merchant_known_{days}d",
        MERCHANT,
        "payments",
        f"Payments whose outcome became known in the last {days} days",
        f"known_{days}d",
    )
    yield Feature(
        f"merchant_frauds_{days}d",
        MERCHANT,
        "payments",
        f"Frauds that became known in the last {days} days",
        f"frauds_{days}d",
    )


FRAUD_USER_DAILY = FeatureTable(
    name=USER,
    entity="user_id",
    description="A user's last 30 days as of each local midnight",
    features=tuple(_user()),
    cadence="midnight",
)
FRAUD_MERCHANT_DAILY = FeatureTable(
    name=MERCHANT,
    entity="merchant_id",
    description="A merchant's last 30 days and known outcomes as of each local midnight",
    features=tuple(_merchant()),
    cadence="midnight",
)
