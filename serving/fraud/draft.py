"""Make the decision on one payment from what this worker holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from time import perf_counter
from uuid import uuid4
from zoneinfo import ZoneInfo

from components.common.records import Decision, Event
from components.fraud import DOMAIN, POLICY
from components.fraud.history import Transaction, step_of
from components.fraud.rules.ruleset import RuleSet
from serving.common.decisions import Draft
from serving.common.facts import AnsweredBy, Facts
from serving.common.models import Model
from serving.common.runtime import Runtime
from serving.common.shadowing import ToScore
from serving.fraud.answer import NO_REASONS, compose, encode, judge, rules_of
from serving.fraud.features import VIEWS, Gathered, gather, nothing_known
from serving.fraud.members import MEMBERS, Panel, ask
from serving.fraud.schemas import Payment, PaymentDecision

zone_of = cache(ZoneInfo)
_log = logging.getLogger("finloop.serving")


def draft(runtime: Runtime, payment: Payment, asked: str, started: float) -> Draft:
    """The decision on a payment, which carries pseudonyms; `asked` is its canonical JSON.

    `started` is the `perf_counter` at which the request came in.
    """
    transaction = _transaction(payment)
    gathered = look_up(runtime, transaction)
    panel = ask(runtime, payment.user_id, gathered.features)
    rules = rules_of(panel.ruled_by)
    answer, facts = _answer(payment, _facts(gathered, panel, rules), panel, rules)
    decision = _decision(payment, asked, panel, answer, facts, started)
    decide = partial(_decision_of, payment, gathered.inputs)
    return Draft(
        decision,
        facts.degraded,
        tuple(_shadows(runtime, decision.decision_id, gathered, panel, decide)),
        panel.records(decision.decision_id, decide, decision.recorded_at),
        (_text_of(rules, decision.recorded_at),),
        replace(transaction, step=step_of(gathered.inputs)),
    )


def _facts(gathered: Gathered, panel: Panel, rules: RuleSet) -> Facts:
    return Facts(
        gathered.inputs,
        gathered.ages,
        (*gathered.degraded, *panel.troubles),
        AnsweredBy.of(*panel.leader) if panel.leader else None,
        rules.digest,
        gathered.history,
        panel.answered,
        gathered.past,
    )


def _decision(
    payment: Payment,
    asked: str,
    panel: Panel,
    answer: PaymentDecision,
    facts: Facts,
    started: float,
) -> Decision:
    """The record of an answer; its model is the first member, whoever had to answer for it."""
    first = panel.asked[0] if panel.asked else None
    return Decision(
        decision_id=answer.decision_id,
        domain=DOMAIN.name,
        subject_id=payment.transaction_id,
        entity_id=payment.user_id,
        event_timestamp=payment.event_timestamp,
        recorded_at=datetime.now(UTC),
        model=first.name if first else MEMBERS[0],
        version=first.drawn.release.version if first else None,
        digest=first.drawn.release.digest if first else None,
        arm=first.arm if first else "none",
        score=answer.probability,
        decision=answer.decision,
        latency_ms=(perf_counter() - started) * 1000,
        error=first.scored.error if first else None,
        request=asked,
        features=facts.text(),
        answer=encode(answer).decode(),
    )


def _transaction(payment: Payment) -> Transaction:
    return Transaction(
        transaction_id=payment.transaction_id,
        event_timestamp=payment.event_timestamp,
        user_id=payment.user_id,
        merchant_id=payment.merchant_id,
        amount=payment.amount,
        device_id=payment.device_id,
        latitude=payment.latitude,
        longitude=payment.longitude,
    )


def look_up(runtime: Runtime, payment: Transaction) -> Gathered:
    """The model input of a payment.

    What was decided lately is read before the online store: it is only forgotten once the store
    holds it, so in this order nothing can fall between the two.
    """
    decided = runtime.recent[DOMAIN.name].of(payment.user_id)
    keys = {"user_id": payment.user_id, "merchant_id": payment.merchant_id}
    rows = runtime.online.read(VIEWS, keys, payment.event_timestamp)
    try:
        return gather(payment, rows, decided, zone_of(runtime.settings.timezone))
    except Exception:  # noqa: BLE001 - a history that cannot be used must not stop the payment
        _log.exception("the features of a payment could not be computed")
        return nothing_known(rows)


def _answer(
    payment: Payment, facts: Facts, panel: Panel, rules: RuleSet
) -> tuple[PaymentDecision, Facts]:
    """The answer, without reasons where they cannot be had: the decision stands on the score."""
    decision_id, asked = uuid4().hex, (panel.said, panel.models, rules)
    try:
        return compose(decision_id, payment, facts, *asked), facts
    except Exception:  # noqa: BLE001 - whatever the explanation raises, the decision goes on
        _log.exception("no reasons could be given")
        without = replace(facts, degraded=(*facts.degraded, NO_REASONS))
        return compose(decision_id, payment, without, *asked), without


def _shadows(
    runtime: Runtime,
    decision_id: str,
    gathered: Gathered,
    panel: Panel,
    decide: Callable[[float, Model], str],
) -> Iterator[ToScore]:
    """What every version in shadow has yet to score."""
    seen = dict.fromkeys(MEMBERS, gathered.features)
    for name, features in (seen | {POLICY.name: panel.said} if panel.said else seen).items():
        version = runtime.models.fleet(name).shadow
        if version is not None:
            yield ToScore(decision_id, version, features, decide)


def _decision_of(
    payment: Payment, inputs: dict[str, float | None], probability: float, model: Model
) -> str:
    """What would have been decided by another version, its rules included."""
    return judge(payment, inputs, probability, model, rules_of(model))[1].decision.value


def _text_of(rules: RuleSet, now: datetime) -> Event:
    """The rule set as the ledger keeps it, so that a replay finds it after its file has changed."""
    return Event("rules", DOMAIN.name, rules.digest, "serving", now, body=rules.content)
