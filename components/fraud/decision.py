"""From probability to decision: two thresholds, written down beside the model they belong to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from components.common.errors import bad_input

POLICY = "policy.json"


class Answer(StrEnum):
    """What happens with the payment."""

    APPROVE = "APPROVE"
    STEP_UP = "STEP_UP"
    """The customer is asked to authenticate again; only a rule says so."""
    REVIEW = "REVIEW"
    """A person looks at it."""
    DECLINE = "DECLINE"


class Risk(StrEnum):
    """How likely fraud is, in words."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


@dataclass(frozen=True)
class Policy:
    """Thresholds on the calibrated probability of fraud, 0 < approve_below ≤ decline_from ≤ 1."""

    approve_below: float = 0.3
    decline_from: float = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.approve_below <= self.decline_from <= 1:
            raise bad_input(
                "policy",
                "A policy needs 0 < approve_below <= decline_from <= 1, "
                f"not {self.approve_below} and {self.decline_from}.",
            )

    def write(self, directory: Path) -> None:
        """Write policy.json into `directory`."""
        text = json.dumps(asdict(self), indent=1)
        (directory / POLICY).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> Policy:
        """The policy of that artifact; raises `FinloopError("policy")` where it is no policy."""
        try:
            return cls(**json.loads((directory / POLICY).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise bad_input("policy", f"{directory / POLICY} is not a policy: {error}.") from error


@dataclass(frozen=True)
class Ruling:
    """A decision on one payment."""

    decision: Answer
    risk_level: Risk
    probability: float | None
    degraded: bool
    """Whether this was decided without a usable probability."""


def decide(probability: float | None, policy: Policy | None = None) -> Ruling:
    """The ruling on a payment with that calibrated probability of fraud in [0, 1].

    Without a usable probability (no model, or an answer that is no probability) a person looks
    at it: neither letting it through nor refusing it could be justified afterwards.
    """
    thresholds = policy or Policy()
    if probability is None or not 0 <= probability <= 1:
        return Ruling(Answer.REVIEW, Risk.MEDIUM, None, degraded=True)
    if probability < thresholds.approve_below:
        return Ruling(Answer.APPROVE, Risk.LOW, probability, degraded=False)
    if probability < thresholds.decline_from:
        return Ruling(Answer.REVIEW, Risk.MEDIUM, probability, degraded=False)
    return Ruling(Answer.DECLINE, Risk.HIGH, probability, degraded=False)
