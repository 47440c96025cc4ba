"""What is asked and answered about credit applications."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from components.common.identity import pseudonymise
from components.common.ledger import canonical_json
from components.credit.points import HIGHEST, LOWEST
from serving.common.bodies import Answerer, Id, Reason
from serving.common.outcome_report import OutcomeReport
from serving.common.parsing import Moment

LARGEST = 1e15
"""Largest amount in currency units; a larger one is a mistake."""
LONGEST = 600
"""Longest term in months."""
_EXAMPLE = {
    "application_id": "A-20260301-000042",
    "event_timestamp": "2026-03-01T14:03:11+09:00",
    "user_id": "user-17",
    "loan_amount": 12000000.0,
    "term_months": 36,
}


class Application(BaseModel):
    """Somebody asks for a loan."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        frozen=True,
        json_schema_extra={"examples": [_EXAMPLE]},
    )

    application_id: Id = Field(description="Name of the application; scored once")
    event_timestamp: Moment = Field(description="When it was made, with a time zone")
    user_id: Id = Field(description="Who asks; kept only as a pseudonym")
    loan_amount: float = Field(gt=0, le=LARGEST, description="Amount asked for, currency units")
    term_months: int = Field(ge=1, le=LONGEST, description="Time to repay, months")

    def by_pseudonym(self, key: bytes) -> Application:
        """The same application with the pseudonym of its person."""
        return self.model_copy(update={"user_id": pseudonymise(self.user_id, key)})

    def canonical(self) -> str:
        """Canonical JSON, the moment in UTC."""
        moment = self.event_timestamp.astimezone(UTC).isoformat(timespec="microseconds")
        return canonical_json({**self.model_dump(), "event_timestamp": moment})


class RiskFactor(Reason):
    """Something that lowers the score."""

    log_odds: float = Field(
        description="What it adds to the log-odds of default, against an average applicant",
        examples=[0.42],
    )


class WhatWouldHelp(BaseModel):
    """The smallest change of what an applicant can change that would be enough for a loan."""

    changes: dict[str, float] = Field(
        description="Input → the value that it would have to take",
        examples=[{"loan_amount": 6000000.0}],
    )
    probability: float = Field(description="Probability of default that would follow")
    score: int = Field(description="Score that would follow", examples=[668])


class CreditScore(BaseModel):
    """The score of an application. Everything in it can be given again, byte for byte."""

    decision_id: str = Field(description="Names this answer; see GET /v1/credit/scores/{id}")
    application_id: str
    event_timestamp: datetime = Field(description="When the application was made, in UTC")
    decision: Literal["APPROVE", "REVIEW", "DECLINE"] = Field(
        description="REVIEW: a person looks at it"
    )
    score: int | None = Field(
        ge=LOWEST,
        le=HIGHEST,
        description="Points; 40 more are twice the odds of repaying. Null where no model answered",
        examples=[641],
    )
    grade: Literal["AAA", "AA", "A", "BBB", "BB", "B", "C"] | None = Field(
        description="Grade of the score", examples=["BBB"]
    )
    probability: float | None = Field(
        description="Calibrated probability of default; null where no model could be asked"
    )
    reasons: list[Reason] = Field(
        description="Why the loan is not simply granted, strongest first; empty where it is"
    )
    risk_factors: list[RiskFactor] = Field(
        description="What lowers the score, strongest first, whatever was decided"
    )
    what_would_help: WhatWouldHelp | None = Field(
        description="What would have to change for the loan to be granted; null where it is, and "
        "where no small change is enough"
    )
    model: Answerer | None = Field(description="Who answered; null where no model could be asked")
    feature_age_seconds: dict[str, float | None] = Field(
        description="Age of each feature view at the time of the application; null where missing",
        examples=[{"credit_bureau": 2591983.0, "credit_profile": None}],
    )
    degraded: list[str] = Field(
        description="What was missing when this was scored", examples=[["credit_profile_missing"]]
    )


class CreditOutcome(OutcomeReport):
    """Whether a loan defaulted."""

    kind: Literal["credit"] = Field(description="The domain that decided")
    application_id: Id = Field(description="The application", examples=["A-20260301-000042"])
    defaulted: bool = Field(description="Whether the loan defaulted")

    @property
    def subject_id(self) -> str:
        return self.application_id

    @property
    def label(self) -> bool:
        return self.defaulted
