"""Live features: what a payment is, against the user's last 64 payments strictly before it.

Each feature stands once, SQL beside Python. SQL speaks of the columns that `windows.py` prepares
(`mean_last_64`, `count_last_1h`, …); Python speaks of the `Moment` (`m.last_64.mean`, …).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from operator import attrgetter

from components.common.features import Feature, FeatureTable
from components.fraud.features.moment import Moment, Past, ratio

TRANSACTION = "fraud_transaction"

COUNTS = {"last_64": "64 payments", "last_10": "10 payments", "last_5": "5 payments"}
SPAN_NAMES = {
    "last_1h": "hour",
    "last_24h": "24 hours",
    "last_3d": "3 days",
    "last_7d": "7 days",
    "last_14d": "14 days",
}
"""Windows of the past, all within the last 64 payments; a time span excludes its far end."""
SUMMED = ("last_1h", "last_24h", "last_7d")
TOPPED = ("last_24h", "last_3d", "last_7d", "last_14d")
MILLIMETRE = 1e-6
"""Near one another, two places lose digits in the haversine formula: a millimetre, in km; in km/h
it is sixty at most."""
RECENT = {window: (SPAN_NAMES | COUNTS)[window] for window in (*TOPPED[1:], "last_64")}


def _feature(
    name: str,
    unit: str,
    description: str,
    offline: str,
    online: Callable[[Moment], float | None],
    rounding: float = 1e-9,
) -> Feature:
    return Feature(name, TRANSACTION, unit, description, offline, online, rounding=rounding)


def _past(window: str) -> Callable[[Moment], Past]:
    return attrgetter(window)


def _request() -> Iterator[Feature]:
    yield _feature("amount", "currency units", "Amount paid", "amount", lambda m: m.amount)
    yield _feature(
        "amount_log",
        "log currency units",
        "log(1 + amount): the long tail drawn in",
        "ln(1 + amount)",
        lambda m: math.log(1 + m.amount),
    )
    yield _feature("hour", "hour", "Local hour of the day, 0 to 23", "hour", lambda m: m.hour)
    yield _feature(
        "day_of_week", "day", "Local day of the week, Monday is 0", "weekday", lambda m: m.weekday
    )
    yield _feature(
        "is_weekend", "0 or 1", "Saturday or Sunday", "weekday >= 5", lambda m: m.weekday >= 5
    )
    yield _feature(
        "is_night", "0 or 1", "Before six in the morning", "hour < 6", lambda m: m.hour < 6
    )


def _rhythm() -> Iterator[Feature]:
    yield _feature(
        "seconds_since_last",
        "s",
        "Time since the user's payment before",
        "(t - last_t) / 1e6",
        lambda m: m.seconds_since_last,
    )
    yield _feature(
        "history_count",
        "payments",
        "Payments that are remembered, at most 64",
        "count_last_64",
        lambda m: m.last_64.count,
    )
    for window, span in SPAN_NAMES.items():
        past = _past(window)
        yield _feature(
            f"count_{window}",
            "payments",
            f"Payments in the last {span}",
            f"count_{window}",
            lambda m, past=past: past(m).count,
        )
    for window in SUMMED:
        past = _past(window)
        yield _feature(
            f"amount_sum_{window}",
            "currency units",
            f"Amount paid in the last {SPAN_NAMES[window]}",
            f"coalesce(sum_{window}, 0)",
            lambda m, past=past: past(m).sum,
        )


def _own_past() -> Iterator[Feature]:
    for window, span in COUNTS.items():
        yield from _against(window, span, _past(window))
    yield _feature(
        "amount_to_median_last_64",
        "ratio",
        "Amount over the median of the last 64 payments",
        "amount / nullif(median_last_64, 0)",
        lambda m: ratio(m.amount, m.last_64.median),
    )
    yield _feature(
        "amount_to_last",
        "ratio",
        "Amount over that of the payment before",
        "amount / nullif(last_amount, 0)",
        lambda m: ratio(m.amount, m.amount_before),
    )
    for window in TOPPED:
        yield from _against_top(window, SPAN_NAMES[window], _past(window))
    for window, span in RECENT.items():
        yield _recent_top(window, span, _past(window))


def _recent_top(window: str, span: str, past: Callable[[Moment], Past]) -> Feature:
    return _feature(
        f"amount_top_{window}",
        "ratio",
        f"Largest amount of the last {span} over the median of the last 64 payments: whether the "
        "account was out of line lately, whatever this payment is",
        f"max_{window} / nullif(median_last_64, 0)",
        lambda m: ratio(past(m).max, m.last_64.median),
    )


def _against(window: str, span: str, past: Callable[[Moment], Past]) -> Iterator[Feature]:
    yield _feature(
        f"amount_mean_{window}",
        "currency units",
        f"Mean amount of the last {span}",
        f"mean_{window}",
        lambda m: past(m).mean,
    )
    yield _feature(
        f"amount_std_{window}",
        "currency units",
        f"Sample standard deviation of the last {span}; null where all are alike",
        f"std_{window}",
        lambda m: past(m).std,
    )
    yield _feature(
        f"amount_zscore_{window}",
        "standard deviations",
        f"Amount over the mean of the last {span}, in their standard deviations",
        f"(amount - mean_{window}) / std_{window}",
        lambda m: ratio(m.amount - (past(m).mean or 0.0), past(m).std),
    )
    yield _feature(
        f"amount_to_mean_{window}",
        "ratio",
        f"Amount over the mean of the last {span}",
        f"amount / nullif(mean_{window}, 0)",
        lambda m: ratio(m.amount, past(m).mean),
    )
    yield _feature(
        f"amount_to_max_{window}",
        "ratio",
        f"Amount over the largest of the last {span}",
        f"amount / nullif(max_{window}, 0)",
        lambda m: ratio(m.amount, past(m).max),
    )


def _against_top(window: str, span: str, past: Callable[[Moment], Past]) -> Iterator[Feature]:
    yield _feature(
        f"amount_max_{window}",
        "currency units",
        f"Largest amount in the last {span}",
        f"max_{window}",
        lambda m: past(m).max,
    )
    yield _feature(
        f"amount_to_max_{window}",
        "ratio",
        f"Amount over the largest in the last {span}",
        f"amount / nullif(max_{window}, 0)",
        lambda m: ratio(m.amount, past(m).max),
    )


def _surroundings() -> Iterator[Feature]:
    yield _feature(
        "new_merchant",
        "0 or 1",
        "Whether none of the last 64 payments went to this merchant; null without a past",
        "CASE WHEN count_last_64 > 0 THEN NOT merchant_seen END",
        lambda m: not m.merchant_seen if m.last_64.count else None,
    )
    yield _feature(
        "new_device",
        "0 or 1",
        "Whether none of the last 64 payments used this device; null where none is known",
        "CASE WHEN device_no IS NOT NULL AND devices > 0 THEN NOT device_seen END",
        lambda m: not m.device_seen if m.transaction.device_id and m.devices else None,
    )
    yield _feature(
        "distance_km",
        "km",
        "Distance from the last of the 64 payments whose place is known",
        "distance_km",
        lambda m: m.distance_km,
        MILLIMETRE,
    )
    yield _feature(
        "speed_kmh",
        "km/h",
        "Speed needed from that place; less than a minute counts as one",
        "distance_km / greatest((t - place_t) / 3.6e9, 1.0 / 60)",
        lambda m: ratio(m.distance_km, max(m.hours_since_place or 0.0, 1 / 60)),
        60 * MILLIMETRE,
    )


FRAUD_TRANSACTION = FeatureTable(
    name=TRANSACTION,
    entity="transaction_id",
    description="A payment against the user's last 64 payments before it",
    features=(*_request(), *_rhythm(), *_own_past(), *_surroundings()),
    cadence="event",
)
