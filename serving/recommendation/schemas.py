"""What is asked and answered about recommendations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from components.common.errors import FinloopError
from components.common.ledger import canonical_json
from components.recommendation.ranking import Place
from serving.common.bodies import Answerer, Reason
from serving.common.outcome_report import FeedbackReport
from serving.common.parsing import Moment, not_in_future

MOST = 100
"""Longest list."""
RADIUS_KM = 5.0
"""What is near where a place is given without a radius."""

Kind = Literal["PERSONAL", "STORED", "SEGMENT", "POPULAR", "EMPTY"]
"""Made for this customer; so by the last batch; popular in their segment; popular with everybody;
nothing to show."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]

_ANSWER = {
    "decision_id": "0f4e7ad6c1c34f0c9c27a8f0d3b7b4aa",
    "event_timestamp": "2026-03-01T12:14:03.000000Z",
    "decision": "PERSONAL",
    "items": [
        {
            "merchant_id": "m00017",
            "name": "Haneul Cafe",
            "category": "cafe",
            "distance_km": 0.8,
            "probability": 0.041,
            "reasons": [
                {
                    "code": "ALSO_PAID",
                    "text_en": "People who pay at Baram Grocery also pay here.",
                    "text_ko": "Baram Grocery 이용 고객이 여기도 이용합니다.",
                }
            ],
        }
    ],
    "model": {
        "name": "recommendation-ncf",
        "version": "3",
        "digest": "ae06bf20…",
        "arm": "champion",
    },
    "feature_age_seconds": {"recommendation_user_history": 42123.0},
    "degraded": [],
}


class ListWish(BaseModel):
    """What a list is to be like."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    n: int = Field(10, ge=1, le=MOST, description="Merchants at most")
    include_used: bool = Field(False, description="Whether merchants already paid at may be there")
    category: Word | None = Field(None, description="Only of this category")
    latitude: float | None = Field(None, ge=-90, le=90, description="Degrees north; with longitude")
    longitude: float | None = Field(
        None, ge=-180, le=180, description="Degrees east; with latitude"
    )
    radius_km: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Only so near to the place given, or to where the customer usually pays",
    )

    def require_whole_place(self) -> None:
        """Raise a 422 `FinloopError("half_a_place")` where one of two degrees is missing."""
        if (self.latitude is None) != (self.longitude is None):
            raise FinloopError(
                "half_a_place",
                "latitude and longitude go together; send both or none.",
                http_status=422,
            )

    def near(self, usual: tuple[float, float] | None) -> Place | None:
        """Around where, and how far; None for anywhere. `usual` is where the customer pays."""
        given = (self.latitude, self.longitude)
        if self.latitude is None or self.longitude is None:
            if self.radius_km is None or usual is None:
                return None
            given = usual
        return Place(*given, self.radius_km or RADIUS_KM)  # type: ignore[arg-type]


class ListQuery(ListWish):
    """The parameters of the address."""

    at: Moment | None = Field(
        None, description="For which moment, with a time zone; now unless told, never later"
    )

    def as_asked(self, user_id: str, now: datetime) -> Asked:
        """The request of a customer (a pseudonym).

        Raises `FinloopError` (422) where `at` lies in the future or half a place was given.
        """
        self.require_whole_place()
        moment = self.at or now
        not_in_future("at", moment, now)
        wish = self.model_dump(exclude={"at"})
        return Asked(user_id=user_id, event_timestamp=moment.astimezone(UTC), **wish)


class Asked(ListWish):
    """A request for a list as it is answered and kept: the customer has a pseudonym."""

    user_id: str
    event_timestamp: datetime

    def canonical(self) -> str:
        """Canonical JSON of the request."""
        return canonical_json(self.model_dump(mode="json"))


class _OfMerchant(FeedbackReport):
    merchant_id: str = Field(min_length=1, max_length=128, description="The merchant on the list")

    @property
    def item_id(self) -> str:
        return self.merchant_id


class Impression(_OfMerchant):
    """A recommended merchant was seen."""

    kind: Literal["impression"]


class Click(_OfMerchant):
    """A recommended merchant was followed."""

    kind: Literal["click"]


class Item(BaseModel):
    """One recommended merchant."""

    merchant_id: str
    name: str | None = Field(description="Name shown to people; null where not known")
    category: str | None
    distance_km: float | None = Field(description="From the place asked about or usually paid at")
    probability: float | None = Field(
        description="Probability that the customer pays there next week; null without a model"
    )
    reasons: list[Reason]


class Recommendations(BaseModel):
    """A list of merchants. Everything in it can be given again, byte for byte."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    decision_id: str = Field(description="Names this list; impressions and clicks refer to it")
    event_timestamp: datetime = Field(description="When it was asked for, in UTC")
    decision: Kind = Field(
        description="PERSONAL: from what the customer paid; STORED: so by the last batch, because "
        "there is no model now; SEGMENT: popular with people like them; POPULAR: with everybody; "
        "EMPTY: nothing fits"
    )
    items: list[Item] = Field(description="Best first")
    model: Answerer | None = Field(description="Who answered; null where no model could be asked")
    feature_age_seconds: dict[str, float | None] = Field(
        description="Age of each feature view; null where missing"
    )
    degraded: list[str] = Field(description="What was missing when this was made")
