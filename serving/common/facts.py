"""What a decision was made from, apart from the request and the files of the model."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from msgspec.json import Encoder

from components.common.lags import flatten
from components.common.records import Decision
from serving.common.arms import Arm
from serving.common.models import Model


@dataclass(frozen=True)
class AnsweredBy:
    """The version that gave the probability, which is not the drawn one where that failed."""

    name: str
    version: str
    digest: str
    arm: Arm

    @classmethod
    def of(cls, arm: Arm, model: Model) -> AnsweredBy:
        """A loaded version that answered in an arm."""
        return cls(model.name, model.release.version, model.release.digest, arm)


@dataclass(frozen=True)
class KnownHistory:
    """Which history of the entity a decision was made from."""

    sequence: int | None = None
    """Grows with everything that is remembered of the entity; null where nobody can tell."""
    age_seconds: float | None = None
    """From the newest event of the history to this one; null where there is none."""


UNKNOWN = KnownHistory()
_JSON = Encoder(order="sorted")


@dataclass(frozen=True)
class Facts:
    """Everything that an answer is composed of besides request and model."""

    inputs: dict[str, float | None]
    """Every model input; a null is a value."""
    ages: dict[str, float | None]
    """Age in seconds of each feature view at the moment of the event; null where missing."""
    degraded: tuple[str, ...]
    """Stable names of what was missing."""
    model: AnsweredBy | None
    """Who answered; None where no model could be asked."""
    rules: str | None = None
    """Digest of the rule set that was looked at; the ledger keeps its text as an event."""
    history: KnownHistory = UNKNOWN
    members: tuple[AnsweredBy, ...] = ()
    """Every version that gave a probability, the one that answered among them."""
    past: dict[str, list[float | None]] = field(default_factory=dict)
    """Features of the entity's events before, newest first, where a model looks at them."""
    known: dict[str, Any] = field(default_factory=dict)
    """What else the domain looked at, as JSON; nothing that a model asks for by name."""

    @cached_property
    def features(self) -> dict[str, float | None]:
        """Everything that a model may ask for by name."""
        return {**self.inputs, **flatten(self.past)}

    def text(self) -> str:
        """JSON with sorted keys, as the ledger keeps it in `Decision.features`.

        Hundreds of numbers: the standard library takes ten times as long to spell them.
        """
        model = None if self.model is None else vars(self.model)
        return _JSON.encode(
            {
                "inputs": self.inputs,
                "ages": self.ages,
                "degraded": self.degraded,
                "model": model,
                "rules": self.rules,
                "history": vars(self.history),
                "members": [vars(member) for member in self.members],
                "past": self.past,
                **({"known": self.known} if self.known else {}),
            }
        ).decode()

    @classmethod
    def of(cls, decision: Decision) -> Facts:
        """The facts of a recorded decision."""
        kept: dict[str, Any] = json.loads(decision.features)
        model = AnsweredBy(**kept["model"]) if kept["model"] is not None else None
        history = KnownHistory(**kept.get("history", {}))
        return cls(
            kept["inputs"],
            kept["ages"],
            tuple(kept["degraded"]),
            model,
            kept.get("rules"),
            history,
            tuple(AnsweredBy(**member) for member in kept.get("members", ())),
            kept.get("past", {}),
            kept.get("known", {}),
        )
