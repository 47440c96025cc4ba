"""What is asked and answered about payments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from components.common.identity import pseudonymise
from components.common.ledger import canonical_json
from components.fraud.card_number import is_card_number
from components.fraud.reason_codes import TEXTS
from serving.common.bodies import Answerer, Id, Reason
from serving.common.outcome_report import OutcomeReport
from serving.common.parsing import Moment

Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]

LARGEST = 1e15
"""Largest amount in currency units; a larger one is a mistake, and its square no number."""
_EXAMPLE = {
    "transaction_id": "T-20260301-000042",
    "event_timestamp": "2026-03-01T21:14:03+09:00",
    "user_id": "user-17",
    "merchant_id": "merchant-5",
    "amount": 54000.0,
    "category": "restaurant",
    "channel": "card",
    "device_id": "device-17-1",
    "latitude": 37.5665,
    "longitude": 126.978,
    "card_number": "4111 1111 1111 1111",
}
_ANSWER = {
    "decision_id": "7e7d179b6792403b9e2cff704b7f30c0",
    "transaction_id": "T-20260301-000042",
    "event_timestamp": "2026-03-01T12:14:03Z",
    "decision": "DECLINE",
    "risk_level": "HIGH",
    "probability": 0.81,
    "reasons": [
        {
            "code": "AMOUNT_UNUSUAL",
            "text_en": TEXTS["AMOUNT_UNUSUAL"][0],
            "text_ko": TEXTS["AMOUNT_UNUSUAL"][1],
        }
    ],
    "model": {"name": "fraud-xgboost", "version": "3", "digest": "ae06bf20…", "arm": "champion"},
    "members": [
        {"name": "fraud-xgboost", "version": "3", "arm": "champion", "probability": 0.81},
    ],
    "policy": {"rules": "c6c0abea…", "applied": []},
    "feature_age_seconds": {"fraud_user_daily": 76443.0, "fraud_merchant_daily": None},
    "history": {"sequence": 12, "age_seconds": 86400.0},
    "degraded": ["fraud_merchant_daily_missing"],
}


class _Columns(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    transaction_id: Id = Field(description="Name of the payment; decided once")
    event_timestamp: Moment = Field(description="When it happened, with a time zone")
    user_id: Id = Field(description="Who pays; kept only as a pseudonym")
    merchant_id: Id = Field(description="Who is paid")
    amount: float = Field(ge=0, le=LARGEST, description="Amount in currency units")
    category: Word | None = Field(None, description="Merchant category")
    channel: Word | None = Field(None, description="How it is paid: card, online, transfer")
    device_id: Id | None = Field(None, description="Device that pays; kept only as a pseudonym")
    latitude: float | None = Field(None, ge=-90, le=90, description="Degrees north")
    longitude: float | None = Field(None, ge=-180, le=180, description="Degrees east")


class PaymentRequest(_Columns):
    """A payment that waits for a decision, as it is asked."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    card_number: SecretStr | None = Field(
        None,
        max_length=64,
        description="Card that pays, where it is known; its checksum is looked at, and the number "
        "is forgotten before anything is written",
    )

    def by_pseudonym(self, key: bytes) -> Payment:
        """The same payment with pseudonyms of user and device, and without the card number."""
        known = self.model_dump(exclude={"card_number"})
        known["user_id"] = pseudonymise(self.user_id, key)
        if self.device_id is not None:
            known["device_id"] = pseudonymise(self.device_id, key)
        if self.card_number is not None:
            known["card_number_valid"] = is_card_number(self.card_number.get_secret_value())
        return Payment.model_construct(**known)  # every value was checked when it was asked


class Payment(_Columns):
    """A payment as it is decided on and kept: people and devices have pseudonyms."""

    card_number_valid: bool | None = None
    """Whether the card number that was given passes its checksum; none was given where null."""

    def canonical(self) -> str:
        """Canonical JSON of the columns of the contract table, the moment in UTC.

        Where a card number was given, also whether it was valid.
        """
        moment = self.event_timestamp.astimezone(UTC).isoformat(timespec="microseconds")
        known = {**self.model_dump(), "event_timestamp": moment}
        if self.card_number_valid is None:
            del known["card_number_valid"]
        return canonical_json(known)


class MemberScore(BaseModel):
    """What one model said by itself."""

    name: str = Field(examples=["fraud-lstm"])
    version: str = Field(examples=["2"])
    arm: Literal["champion", "challenger"]
    probability: float = Field(description="Its calibrated probability of fraud")


class PolicyUsed(BaseModel):
    """What people had decided beforehand, and was looked at."""

    rules: str = Field(description="Digest of the rule set")
    applied: list[str] = Field(
        description="Rules that apply to the payment, those that were overruled among them",
        examples=[["velocity"]],
    )


class UserHistory(BaseModel):
    """Which history of the user was looked at."""

    sequence: int | None = Field(
        description="Grows with every payment of the user that is remembered; null where the "
        "feature store cannot be asked",
        examples=[12],
    )
    age_seconds: float | None = Field(
        description="From the newest payment of the history to this one; null where there is none",
        examples=[86400.0],
    )


class PaymentDecision(BaseModel):
    """The decision on a payment. Everything in it can be given again, byte for byte."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    decision_id: str = Field(description="Names this decision; see GET /v1/decisions/{id}")
    transaction_id: str
    event_timestamp: datetime = Field(description="When the payment happened, in UTC")
    decision: Literal["APPROVE", "STEP_UP", "REVIEW", "DECLINE"] = Field(
        description="STEP_UP: have the customer authenticate again; REVIEW: a person looks at it"
    )
    risk_level: Literal["LOW", "MEDIUM", "HIGH"]
    probability: float | None = Field(
        description="Calibrated probability of fraud; null where no model could be asked"
    )
    reasons: list[Reason] = Field(
        description="Rules first, then what moved the model; empty where the model approves alone"
    )
    model: Answerer | None = Field(description="Who answered; null where no model could be asked")
    members: list[MemberScore] = Field(description="Every model that was asked and answered")
    policy: PolicyUsed = Field(description="Rules that were looked at")
    feature_age_seconds: dict[str, float | None] = Field(
        description="Age of each feature view when the payment happened; null where missing",
        examples=[{"fraud_user_daily": 42123.0, "fraud_merchant_daily": None}],
    )
    history: UserHistory
    degraded: list[str] = Field(
        description="What was missing when this was decided",
        examples=[["fraud_merchant_daily_missing"]],
    )


class FraudOutcome(OutcomeReport):
    """Whether a payment was fraud."""

    kind: Literal["fraud"] = Field(description="The domain that decided")
    transaction_id: Id = Field(description="The payment", examples=["T-20260301-000042"])
    is_fraud: bool = Field(description="Whether it was fraud")

    @property
    def subject_id(self) -> str:
        return self.transaction_id

    @property
    def label(self) -> bool:
        return self.is_fraud
