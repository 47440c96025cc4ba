"""What a rule set would have decided on the ledger, beside another one: counts, money, people.

The judgement of the model is taken from each record as it was answered; only the rules change.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from components.common.sums import Sum
from components.fraud.decision import Answer, Risk, Ruling
from components.fraud.rules.fields import Values, values_of
from components.fraud.rules.precedence import Verdict, overrule
from components.fraud.rules.ruleset import RuleSet

if TYPE_CHECKING:
    from components.common.ledger import Ledger
    from components.common.records import Decision

_PAGE = 1_000
_RULED = {Risk.LOW: Answer.APPROVE, Risk.MEDIUM: Answer.REVIEW, Risk.HIGH: Answer.DECLINE}


@dataclass(frozen=True)
class Case:
    """One recorded payment: what the rules see of it, and what became of it."""

    customer: str
    amount: float
    values: Values
    ruling: Ruling
    """What the model said."""
    is_fraud: bool | None
    """None where no outcome is known yet."""


@dataclass
class RuleShare:
    """What one rule had to do with the decisions."""

    applied: Sum = field(default_factory=Sum)
    decided: Sum = field(default_factory=Sum)
    """Payments whose decision is another one than that of the model, and for which it speaks."""
    fraud: Sum = field(default_factory=Sum)
    good: Sum = field(default_factory=Sum)
    """Of those that it applies to, where the outcome is known."""


@dataclass
class Tally:
    """What one rule set decided."""

    rules: RuleSet
    decisions: dict[str, Sum] = field(default_factory=lambda: {one.value: Sum() for one in Answer})
    by_rule: dict[str, RuleShare] = field(default_factory=dict)
    fraud_caught: Sum = field(default_factory=Sum)
    fraud_missed: Sum = field(default_factory=Sum)
    good_stopped: Sum = field(default_factory=Sum)
    good_declined: Sum = field(default_factory=Sum)
    customers_stopped: set[str] = field(default_factory=set)
    """Customers of whom a genuine payment was not simply approved."""

    def __post_init__(self) -> None:
        self.by_rule = {rule.id: RuleShare() for rule, _ in self.rules.active}

    def add(self, case: Case) -> Verdict:
        """Decide on a case and count it."""
        verdict = overrule(case.ruling, self.rules.hits(case.values))
        self.decisions[verdict.decision.value].add(case.amount)
        self._add_outcome(case, verdict.decision)
        for rule in verdict.applied:
            share = self.by_rule[rule.id]
            share.applied.add(case.amount)
            if verdict.decision is not case.ruling.decision and rule in verdict.because:
                share.decided.add(case.amount)
            if case.is_fraud is not None:
                (share.fraud if case.is_fraud else share.good).add(case.amount)
        return verdict

    def _add_outcome(self, case: Case, decision: Answer) -> None:
        stopped = decision is not Answer.APPROVE
        if case.is_fraud:
            (self.fraud_caught if stopped else self.fraud_missed).add(case.amount)
        elif case.is_fraud is False and stopped:
            self.good_stopped.add(case.amount)
            self.customers_stopped.add(case.customer)
            if decision is Answer.DECLINE:
                self.good_declined.add(case.amount)

    def as_json(self, good_customers: int) -> dict[str, Any]:
        """The tally as one JSON object; shares are of the customers with a genuine payment."""
        stopped = len(self.customers_stopped)
        return {
            "rules": self.rules.digest,
            "decisions": {name: vars(one) for name, one in self.decisions.items()},
            "fraud_caught": vars(self.fraud_caught),
            "fraud_missed": vars(self.fraud_missed),
            "good_stopped": vars(self.good_stopped),
            "good_declined": vars(self.good_declined),
            "good_customers_stopped": stopped,
            "good_customers_stopped_share": stopped / good_customers if good_customers else None,
            "by_rule": {
                name: {part: vars(one) for part, one in vars(share).items()}
                for name, share in self.by_rule.items()
            },
        }


@dataclass
class Trial:
    """Two rule sets on the same decisions."""

    proposed: Tally
    current: Tally
    decisions: int = 0
    known: int = 0
    """Decisions whose outcome is known."""
    customers: set[str] = field(default_factory=set)
    """Customers with a payment that is known to be genuine."""
    changes: dict[tuple[str, str], Sum] = field(default_factory=lambda: defaultdict(Sum))
    """(current, proposed) → payments, where the two differ."""

    def add(self, case: Case) -> None:
        """Decide on a case by both."""
        self.decisions += 1
        self.known += case.is_fraud is not None
        if case.is_fraud is False:
            self.customers.add(case.customer)
        now, then = self.current.add(case).decision, self.proposed.add(case).decision
        if now is not then:
            self.changes[now.value, then.value].add(case.amount)

    def as_json(self) -> dict[str, Any]:
        """The trial as one JSON object."""
        people = len(self.customers)
        return {
            "decisions": self.decisions,
            "outcomes_known": self.known,
            "good_customers": people,
            "proposed": self.proposed.as_json(people),
            "current": self.current.as_json(people),
            "changes": [
                {"from": before, "to": after, **vars(one)}
                for (before, after), one in sorted(self.changes.items())
            ],
        }


def try_rules(
    ledger: Ledger, domain: str, proposed: RuleSet, current: RuleSet, since: datetime
) -> Trial:
    """Decide on every recorded payment since a moment by both rule sets; nothing is written."""
    trial = Trial(Tally(proposed), Tally(current))
    outcomes = newest_outcomes(ledger, domain)
    for decision in _decisions(ledger, domain, since):
        trial.add(case_of(decision, outcomes.get(decision.subject_id)))
    return trial


def newest_outcomes(ledger: Ledger, domain: str) -> Mapping[str, bool]:
    """Subject → what is known of it by now."""
    rows = ledger.rows(
        "SELECT subject_id, label FROM outcomes WHERE domain = ? ORDER BY known_at, seq", domain
    )
    return {row["subject_id"]: bool(row["label"]) for row in rows}


def _decisions(ledger: Ledger, domain: str, since: datetime) -> Iterator[Decision]:
    position = 0
    while found := ledger.decisions_after(position, _PAGE):
        position = found[-1][0]
        for _, decision in found:
            if decision.domain == domain and decision.event_timestamp >= since:
                yield decision


def case_of(decision: Decision, is_fraud: bool | None) -> Case:
    """What a record holds of a payment."""
    request, answer = json.loads(decision.request), json.loads(decision.answer)
    risk, probability = Risk(answer["risk_level"]), answer["probability"]
    return Case(
        customer=decision.entity_id,
        amount=request["amount"],
        values=values_of(request, json.loads(decision.features)["inputs"], probability, risk.value),
        ruling=Ruling(_RULED[risk], risk, probability, degraded=probability is None),
        is_fraud=is_fraud,
    )
