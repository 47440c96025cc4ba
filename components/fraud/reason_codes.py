"""Codes that explain a decision, their texts, and which inputs of a model speak for which."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import isnan

TEXTS: Mapping[str, tuple[str, str]] = {
    "AMOUNT_LEVEL": (
        "The amount is typical of fraud.",
        "사기 거래에서 자주 나타나는 금액입니다.",
    ),
    "AMOUNT_UNUSUAL": (
        "The amount does not fit the customer's earlier payments.",
        "고객의 평소 결제 금액과 다릅니다.",
    ),
    "PAYMENT_PACE": (
        "The number or sum of recent payments is unusual.",
        "최근 결제 횟수나 합계가 평소와 다릅니다.",
    ),
    "PAYMENT_TIME": (
        "The time of the payment is unusual.",
        "결제 시간이 평소와 다릅니다.",
    ),
    "NEW_MERCHANT": (
        "The customer has not paid this merchant lately.",
        "고객이 최근 이용하지 않은 가맹점입니다.",
    ),
    "NEW_DEVICE": (
        "The payment comes from a device that is new for the customer.",
        "고객이 사용한 적 없는 기기에서 결제되었습니다.",
    ),
    "FAR_AWAY": (
        "The place is far from the payment before, or too far for the time between.",
        "직전 결제 장소에서 멀거나 이동 시간이 너무 짧습니다.",
    ),
    "CUSTOMER_FRAUD": (
        "Payments of this customer have lately turned out to be fraud.",
        "이 고객의 결제에서 최근 사기가 확인되었습니다.",
    ),
    "MERCHANT_FRAUD": (
        "Payments at this merchant have turned out to be fraud.",
        "이 가맹점에서 사기 거래가 확인된 적이 있습니다.",
    ),
    "MERCHANT_PROFILE": (
        "The payment does not fit the usual business of the merchant.",
        "가맹점의 평소 거래와 다릅니다.",
    ),
    "RECENT_PAYMENTS": (
        "The customer's payments just before this one are typical of fraud.",
        "직전 결제 내역이 사기 거래에서 자주 나타나는 모습입니다.",
    ),
    "UNLIKE_OTHERS": (
        "The payment as a whole is unlike other payments.",
        "결제의 전체적인 모습이 다른 결제들과 다릅니다.",
    ),
    "LITTLE_KNOWN": (
        "Little is known yet about the customer or the merchant.",
        "고객이나 가맹점에 대한 정보가 아직 부족합니다.",
    ),
}
"""Code → English and Korean text. Codes are an interface: they are added to, never renamed."""


def _always(_: float) -> bool:
    return True


def _positive(value: float) -> bool:
    return value > 0


def _zero(value: float) -> bool:
    return value == 0


def _unlike(anomaly: float) -> bool:
    """Above one half an isolation forest calls a row easier to isolate than is usual."""
    return anomaly > 0.5


@dataclass(frozen=True)
class _Family:
    """Features that say the same thing to a person."""

    pattern: str
    code: str
    holds: Callable[[float], bool] = _always
    """Whether the text is true at that value of the feature."""
    unknown: str | None = "LITTLE_KNOWN"
    """What a null says; nothing where a null is an ordinary value."""


_FAMILIES = (
    _Family("amount|amount_log", "AMOUNT_LEVEL"),
    _Family("(amount_sum|count)_.*|seconds_since_last", "PAYMENT_PACE"),
    _Family("amount_.*|user_(mean|std|max)_.*", "AMOUNT_UNUSUAL"),
    _Family("user_(count|merchants)_.*", "PAYMENT_PACE"),
    _Family("user_frauds_.*", "CUSTOMER_FRAUD", _positive),
    _Family("hour|day_of_week|is_weekend|is_night", "PAYMENT_TIME"),
    _Family("new_merchant", "NEW_MERCHANT", _positive),
    _Family("merchant_visits", "NEW_MERCHANT", _zero),
    _Family("new_device", "NEW_DEVICE", _positive, unknown=None),
    _Family("distance_km|speed_kmh", "FAR_AWAY", _positive, unknown=None),
    _Family("merchant_days_since_(first_)?fraud", "MERCHANT_FRAUD", unknown=None),
    _Family("merchant_days_since_genuine", "MERCHANT_PROFILE"),
    _Family("merchant_(frauds|risk)_.*", "MERCHANT_FRAUD", _positive),
    _Family("merchant_(count|mean|std|max|users|known)_.*", "MERCHANT_PROFILE"),
    _Family("history_count", "LITTLE_KNOWN"),
    _Family("anomaly", "UNLIKE_OTHERS", _unlike),
)


def reason_code(feature: str) -> str | None:
    """The code under which a model input is explained; None where it has none."""
    family = _family(feature)
    return family.code if family else None


def spoken(feature: str, value: float) -> str | None:
    """The code that is true of a model input at a value; a null says what its family says."""
    family = _family(feature)
    if family is None:
        return None
    if isnan(value):
        return family.unknown
    return family.code if family.holds(value) else None


@cache
def _family(feature: str) -> _Family | None:
    return next((one for one in _FAMILIES if re.fullmatch(one.pattern, feature)), None)
