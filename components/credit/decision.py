"""From probability to decision: two thresholds, written down beside the model they belong to."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.common.errors import bad_input, in_words

POLICY = "policy.json"


class Answer(StrEnum):
    """What happens with the application."""

    APPROVE = "APPROVE"
    REVIEW = "REVIEW"
    """A person looks at it."""
    DECLINE = "DECLINE"


class Policy(BaseModel):
    """Thresholds on the calibrated probability of default, 0 < approve_below ≤ decline_from ≤ 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approve_below: float = Field(default=0.15, gt=0, le=1)
    """Probability of default below which a loan is granted."""
    decline_from: float = Field(default=0.35, gt=0, le=1)
    """Probability of default from which it is refused; a person looks at what lies between."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.approve_below > self.decline_from:
            raise ValueError(
                f"approve_below {self.approve_below} lies above decline_from {self.decline_from}"
            )
        return self

    def write(self, directory: Path) -> None:
        """Write policy.json into `directory`."""
        kept = self.model_dump(include=set(Policy.model_fields))
        (directory / POLICY).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> Policy:
        """The policy of that artifact; raises `FinloopError("policy")` where it is no policy."""
        try:
            return Policy.model_validate_json((directory / POLICY).read_bytes())
        except ValidationError as error:
            why = in_words(error.errors()[0]["msg"])
        except OSError as error:
            why = str(error)
        raise bad_input("policy", f"{directory / POLICY} is not a policy: {why}.")


def decide(probability: float | None, policy: Policy) -> Answer:
    """The decision on an application with that calibrated probability of default.

    Without one a person looks at it: neither granting nor refusing could be justified afterwards.
    """
    if probability is None:
        return Answer.REVIEW
    if probability < policy.approve_below:
        return Answer.APPROVE
    return Answer.REVIEW if probability < policy.decline_from else Answer.DECLINE
