"""Why a merchant is on a list, in words."""

from __future__ import annotations

from components.recommendation.features.states import EVERYBODY
from serving.common.bodies import Reason

YOUR_TASTE = Reason(
    code="YOUR_TASTE",
    text_en="It fits what you paid for lately.",
    text_ko="최근 결제 성향에 맞는 곳입니다.",
)


def also_paid(merchant: str) -> Reason:
    """Its customers are those of a merchant that was paid before."""
    return Reason(
        code="ALSO_PAID",
        text_en=f"People who pay at {merchant} also pay here.",
        text_ko=f"{merchant} 이용 고객이 여기도 이용합니다.",
    )


def fits_taste(category: str) -> Reason:
    """It fits what the customer pays for."""
    return Reason(
        code="FITS_TASTE",
        text_en=f"It fits what you pay for ({category}).",
        text_ko=f"고객님의 결제 성향에 맞는 곳입니다 ({category}).",
    )


def popular_with(segment: str | None) -> Reason:
    """Many people pay there: those of a segment, or all."""
    if segment in (EVERYBODY, None):
        return Reason(
            code="POPULAR",
            text_en="Many customers pay here.",
            text_ko="많은 고객이 이용하는 곳입니다.",
        )
    return Reason(
        code="POPULAR_IN_SEGMENT",
        text_en="Many customers of your age pay here.",
        text_ko="비슷한 연령대의 고객이 많이 이용하는 곳입니다.",
    )


def near_you(kilometres: float) -> Reason:
    """It is near the place asked about."""
    return Reason(
        code="NEAR",
        text_en=f"It is {kilometres:.1f} km away.",
        text_ko=f"{kilometres:.1f} km 거리에 있습니다.",
    )
