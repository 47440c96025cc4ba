"""Features of a customer and of a merchant as of a moment, declared once.

The expressions speak of the aggregates that `payments.py` prepares: one row per customer, or per
merchant, over the last `RECENT_DAYS` days.
"""

from __future__ import annotations

from components.common.features import Feature, FeatureTable

RECENT_DAYS = 90
"""Days that count as recent."""


def _of(group: str, name: str, unit: str, description: str, offline: str) -> Feature:
    return Feature(name, group, unit, description, offline)


_USER, _MERCHANT = "recommendation_user_daily", "recommendation_merchant_daily"

USER_DAILY = FeatureTable(
    name=_USER,
    entity="user_id",
    description="What a customer pays for lately, as of the last refresh",
    features=(
        _of(_USER, "recent_payments", "count", "Payments of 90 days", "payments"),
        _of(_USER, "recent_merchants", "count", "Merchants of 90 days", "merchants"),
        _of(
            _USER,
            "repeat_share",
            "share",
            "Payments at a merchant that was paid before in these days",
            "1 - merchants / nullif(payments, 0)",
        ),
        _of(_USER, "days_since_payment", "days", "Since the last payment", "days_since"),
        _of(_USER, "mean_log_amount", "log currency units", "Mean log amount", "log_amount"),
        _of(_USER, "online_share", "share", "Payments made online", "online"),
        _of(_USER, "categories", "count", "Categories paid for", "categories"),
        _of(
            _USER, "top_category_share", "share", "Payments in the category paid most", "top_share"
        ),
        _of(_USER, "usual_latitude", "degrees", "Median of the places paid at", "latitude"),
        _of(_USER, "usual_longitude", "degrees", "Median of the places paid at", "longitude"),
        _of(_USER, "segment", "number", "Age band, by tens of years; 0 is unknown", "segment"),
    ),
    cadence="midnight",
)

MERCHANT_DAILY = FeatureTable(
    name=_MERCHANT,
    entity="merchant_id",
    description="What is paid at a merchant lately, as of the last refresh",
    features=(
        _of(_MERCHANT, "merchant_payments", "count", "Payments of 90 days", "payments"),
        _of(_MERCHANT, "merchant_users", "count", "Customers of 90 days", "users"),
        _of(_MERCHANT, "merchant_mean_log_amount", "log currency units", "Mean", "log_amount"),
        _of(_MERCHANT, "merchant_std_log_amount", "log currency units", "Deviation", "log_spread"),
        _of(
            _MERCHANT,
            "merchant_repeat_share",
            "share",
            "Payments by customers who had paid there in these days",
            "1 - users / nullif(payments, 0)",
        ),
    ),
    cadence="midnight",
)
