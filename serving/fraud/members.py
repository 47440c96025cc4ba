"""The models that are asked about one payment, and what each of them said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

from components.common.records import Member
from components.fraud import POLICY
from serving.common.arms import Arm
from serving.common.budget import UNLIMITED, Budget
from serving.common.facts import AnsweredBy
from serving.common.models import Model
from serving.common.runtime import Runtime
from serving.common.scoring import LATE, Answered, score

MEMBERS = POLICY.members
"""Registered models in the order in which they lead where no decision policy answers."""


@dataclass(frozen=True)
class Asked:
    """One member and what it said."""

    name: str
    arm: Arm
    """The arm that was drawn, and its version; another one answered where it failed."""
    drawn: Model
    scored: Answered[float]
    milliseconds: float

    def record(
        self, decision_id: str, decide: Callable[[float, Model], str], now: datetime
    ) -> Member:
        """What the ledger keeps of it."""
        answered, said = self.scored.answered, self.scored.answer
        alone = None if answered is None or said is None else decide(said, answered[1])
        return Member(
            decision_id=decision_id,
            model=self.name,
            version=self.drawn.release.version,
            digest=self.drawn.release.digest,
            arm=self.arm,
            score=said,
            decision=alone,
            latency_ms=self.milliseconds,
            error=self.scored.error,
            recorded_at=now,
        )


@dataclass(frozen=True)
class Panel:
    """Who was asked about a payment: the decision policy first, then the members."""

    asked: tuple[Asked, ...]
    """Everyone who could be; the first one that answered decides."""
    policy: Model | None = None
    """The policy in production, whose rules are in force even where it could not be asked."""

    @property
    def leader(self) -> tuple[Arm, Model] | None:
        """The first one that answered."""
        return next((one.scored.answered for one in self.asked if one.scored.answered), None)

    @property
    def model(self) -> Model | None:
        """The version that leads."""
        return self.leader[1] if self.leader else None

    @property
    def ruled_by(self) -> Model | None:
        """The version whose rules are in force."""
        return self.policy or self.model

    @property
    def answered(self) -> tuple[AnsweredBy, ...]:
        """Who answered."""
        return tuple(
            AnsweredBy.of(*one.scored.answered) for one in self.asked if one.scored.answered
        )

    @property
    def models(self) -> dict[str, Model]:
        """Name of each one that answered → the version that did."""
        return {one.name: one.scored.answered[1] for one in self.asked if one.scored.answered}

    @property
    def said(self) -> dict[str, float]:
        """Name of each one that answered → its calibrated probability."""
        return {one.name: one.scored.answer for one in self.asked if one.scored.answer is not None}

    @property
    def troubles(self) -> tuple[str, ...]:
        """Stable names of what went wrong with members that are in production."""
        return tuple(_troubles(self.asked)) if self.asked else ("model_missing",)

    def records(
        self, decision_id: str, decide: Callable[[float, Model], str], now: datetime
    ) -> tuple[Member, ...]:
        """What the ledger keeps of each one, where more than one was asked.

        decide: what would be decided by a probability alone.
        """
        alone = len(self.asked) < 2
        return () if alone else tuple(one.record(decision_id, decide, now) for one in self.asked)


def ask(runtime: Runtime, entity_id: str, features: Mapping[str, Any]) -> Panel:
    """Ask every member that has a version in production, then the policy what they amount to."""
    arms = runtime.models.fleet(POLICY.name).arms(entity_id)
    asked = [
        one
        for name in MEMBERS
        if (one := _ask(runtime, name, entity_id, features, runtime.budget)) is not None
    ]
    said = Panel(tuple(asked)).said
    decided = _ask(runtime, POLICY.name, entity_id, said, UNLIMITED) if said else None
    everyone = [decided, *asked] if decided is not None else asked
    return Panel(tuple(everyone), arms[0][1] if arms else None)


def _ask(
    runtime: Runtime, name: str, entity_id: str, features: Mapping[str, Any], budget: Budget
) -> Asked | None:
    began = perf_counter()
    scored = score(runtime.models.fleet(name), entity_id, features, budget)
    if scored.drawn is None:
        return None
    return Asked(name, *scored.drawn, scored, (perf_counter() - began) * 1000)


def _troubles(asked: Iterable[Asked]) -> Iterator[str]:
    for one in asked:
        if one.scored.error is None:
            continue
        if one.scored.error.startswith(LATE):
            yield f"{one.name}_late"
        else:
            yield f"{one.arm}_failed" if one.name == MEMBERS[0] else f"{one.name}_{one.arm}_failed"
