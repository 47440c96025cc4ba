"""What another version would have changed: decisions, money, and what is known of the outcome."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from components.common.records import Decision
from components.common.sums import Sum
from serving.common.domain import service_of
from serving.common.replay import Replayed

_SHOWN = 20
"""Differing decisions that are kept to be looked at."""


@dataclass
class Money:
    """What changed hands between let through and stopped. Outcomes are counted where known."""

    newly_stopped: Sum = field(default_factory=Sum)
    newly_let_through: Sum = field(default_factory=Sum)
    fraud_caught: Sum = field(default_factory=Sum)
    """Newly stopped, and it was the case."""
    good_stopped: Sum = field(default_factory=Sum)
    """Newly stopped, and it was not."""
    fraud_lost: Sum = field(default_factory=Sum)
    """Newly let through, and it was the case."""
    good_let_through: Sum = field(default_factory=Sum)
    """Newly let through, and it was not."""

    def add(self, amount: float, *, stopped: bool, label: bool | None) -> None:
        """Count a decision that was turned round."""
        (self.newly_stopped if stopped else self.newly_let_through).add(amount)
        if label is None:
            return
        caught, good = (
            (self.fraud_caught, self.good_stopped)
            if stopped
            else (self.fraud_lost, self.good_let_through)
        )
        (caught if label else good).add(amount)


@dataclass
class Comparison:
    """Recorded answers beside those that were made now; its size does not grow with theirs."""

    decisions: int = 0
    mismatches: int = 0
    """Answers whose bytes differ."""
    unanswered: int = 0
    """Of these, where no answer could be made now."""
    different: list[Replayed] = field(default_factory=list)
    """The first of them."""
    matrix: dict[tuple[str, str], Sum] = field(default_factory=lambda: defaultdict(Sum))
    """(recorded, now) → decisions."""
    money: Money = field(default_factory=Money)

    def add(self, decision: Decision, one: Replayed, label: bool | None) -> None:
        """Take up an answer; `label` is what turned out to be true, where it is known."""
        self.decisions += 1
        if not one.same:
            self.mismatches += 1
            self.different += [one] if len(self.different) < _SHOWN else []
        if one.again is None:
            self.unanswered += 1
            return
        now = decision.decision if one.same else str(json.loads(one.again)["decision"])
        service = service_of(decision.domain)
        amount = service.amount_of(decision) if service.amount_of else 0.0
        self.matrix[decision.decision, now].add(amount)
        before, after = decision.decision in service.passes, now in service.passes
        if before != after:
            self.money.add(amount, stopped=before, label=label)

    def as_json(self) -> dict[str, Any]:
        """One JSON object for programs."""
        return {
            "decisions": self.decisions,
            "mismatches": self.mismatches,
            "unanswered": self.unanswered,
            "matrix": [
                {"from": before, "to": after, **asdict(found)}
                for (before, after), found in sorted(self.matrix.items())
            ],
            "money": asdict(self.money),
            "different": [one.as_json() for one in self.different],
        }


def latest_labels(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], bool]:
    """(domain, subject) → what is true by the last word; rows are in the order of writing."""
    return {(row["domain"], row["subject_id"]): bool(row["label"]) for row in rows}
