"""Codes for what lowers a credit score, their texts, and which inputs speak for which."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

TEXTS: Mapping[str, tuple[str, str]] = {
    "INCOME": (
        "Income is low for a loan without conditions.",
        "대출 심사 기준에 비해 소득이 낮습니다.",
    ),
    "EMPLOYMENT": (
        "Time in the present employment is short.",
        "현재 직장의 재직 기간이 짧습니다.",
    ),
    "EDUCATION": (
        "The level of education told counts against the application.",
        "신고된 학력 정보가 심사에 불리하게 작용했습니다.",
    ),
    "AGE": (
        "The applicant's age counts against the application.",
        "신청인의 연령이 심사에 불리하게 작용했습니다.",
    ),
    "LOAN_AMOUNT": (
        "The amount asked for is high.",
        "신청 금액이 높습니다.",
    ),
    "LOAN_TERM": (
        "The term asked for counts against the application.",
        "신청한 상환 기간이 심사에 불리하게 작용했습니다.",
    ),
    "LOAN_TO_INCOME": (
        "The amount asked for is high against the income.",
        "소득에 비해 신청 금액이 높습니다.",
    ),
    "BUREAU_SCORE": (
        "The score at the credit bureau is low.",
        "신용평가사의 신용점수가 낮습니다.",
    ),
    "EXISTING_LOANS": (
        "There are many open loans.",
        "상환 중인 대출이 많습니다.",
    ),
    "DEBT_TO_INCOME": (
        "Debt is high against the income.",
        "소득에 비해 부채가 많습니다.",
    ),
    "SPENDING_LEVEL": (
        "The amount of recent spending counts against the application.",
        "최근 지출 규모가 심사에 불리하게 작용했습니다.",
    ),
    "SPENDING_STABILITY": (
        "Recent spending is uneven or is changing.",
        "최근 지출이 불규칙하거나 변화하고 있습니다.",
    ),
    "SPENDING_PATTERN": (
        "Where and when was recently spent counts against the application.",
        "최근 결제의 가맹점, 업종 또는 시간대가 심사에 불리하게 작용했습니다.",
    ),
    "LITTLE_KNOWN": (
        "Too little is known of the applicant's finances.",
        "신청인의 금융 정보가 부족합니다.",
    ),
    "OTHER": (
        "Other information about the application counts against it.",
        "신청과 관련된 기타 정보가 심사에 불리하게 작용했습니다.",
    ),
}
"""Code → English and Korean text. Codes are an interface: they are added to, never renamed."""

CODES: Mapping[str, str] = {
    "annual_income": "INCOME",
    "employment_months": "EMPLOYMENT",
    "education_level": "EDUCATION",
    "age": "AGE",
    "loan_amount": "LOAN_AMOUNT",
    "term_months": "LOAN_TERM",
    "loan_to_income": "LOAN_TO_INCOME",
    "bureau_score": "BUREAU_SCORE",
    "existing_loans": "EXISTING_LOANS",
    "debt_to_income": "DEBT_TO_INCOME",
    "spend_count": "SPENDING_LEVEL",
    "spend_mean": "SPENDING_LEVEL",
    "spend_max": "SPENDING_LEVEL",
    "spend_total": "SPENDING_LEVEL",
    "spend_daily_mean": "SPENDING_LEVEL",
    "spend_daily_max": "SPENDING_LEVEL",
    "spend_std": "SPENDING_STABILITY",
    "spend_monthly_stability": "SPENDING_STABILITY",
    "spend_trend": "SPENDING_STABILITY",
    "spend_merchants": "SPENDING_PATTERN",
    "spend_top_merchant_share": "SPENDING_PATTERN",
    "spend_night_share": "SPENDING_PATTERN",
    "spend_category_entropy": "SPENDING_PATTERN",
}
"""Input → code."""

MONOTONE: Mapping[str, int] = {
    "annual_income": -1,
    "employment_months": -1,
    "loan_amount": 1,
    "loan_to_income": 1,
    "bureau_score": -1,
    "existing_loans": 1,
    "debt_to_income": 1,
}
"""What the business demands: more of it never lowers the risk (+1) or never raises it (−1).

It is also what makes the texts above true: where a lower income never helps, income that lowers the
score is low.
"""


def spoken(name: str, value: float) -> str:
    """The code that an input of that value speaks for; a null speaks for LITTLE_KNOWN."""
    return "LITTLE_KNOWN" if isnan(value) else CODES.get(name, "OTHER")
