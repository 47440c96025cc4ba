"""Make the decision on one payment from what this worker holds."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from time import perf_counter
from uuid import uuid4
from zoneinfo import ZoneInfo

from components.common.records import Decision, Event
from components.fraud import DOMAIN, XGBOOST
from components.fraud.history import Transaction
from components.fraud.rules.ruleset import RuleSet
from serving.common.decisions import Draft
from serving.common.facts import AnsweredBy, Facts
from serving.common.models import Fleet, Model
from serving.common.runtime import Runtime
from serving.common.scoring import LATE, Scored, score
from serving.common.shadowing import ToScore
from serving.fraud.answer import NO_REASONS, compose, encode, judge, rules_of
from serving.fraud.features import VIEWS, Gathered, gather, nothing_known
from serving.fraud.schemas import Payment, PaymentDecision

zone_of = cache(ZoneInfo)
_log = logging.getLogger("finloop.serving")


def draft(runtime: Runtime, payment: Payment, asked: str, started: float) -> Draft:
    """The decision on a payment, which carries pseudonyms; `asked` is its canonical JSON.

    `started` is the `perf_counter` at which the request came in.
    """
    fleet = runtime.models.fleet(XGBOOST.name)
    gathered = look_up(runtime, payment)
    scored = score(fleet, payment.user_id, gathered.inputs, runtime.budget)
    rules = rules_of(scored.answered[1] if scored.answered else None)
    facts = Facts(
        gathered.inputs,
        gathered.ages,
        (*gathered.degraded, *_model_troubles(scored)),
        AnsweredBy.of(*scored.answered) if scored.answered else None,
        rules.digest,
        gathered.history,
    )
    answer, facts = _answer(payment, facts, scored, rules)
    arm, drawn = scored.drawn or ("none", None)
    decision = Decision(
        decision_id=answer.decision_id,
        domain=DOMAIN.name,
        subject_id=payment.transaction_id,
        entity_id=payment.user_id,
        event_timestamp=payment.event_timestamp,
        recorded_at=datetime.now(UTC),
        model=XGBOOST.name,
        version=drawn.release.version if drawn else None,
        digest=drawn.release.digest if drawn else None,
        arm=arm,
        score=answer.probability,
        decision=answer.decision,
        latency_ms=(perf_counter() - started) * 1000,
        error=scored.error,
        request=asked,
        features=facts.text(),
        answer=encode(answer).decode(),
    )
    shadow = _shadow(fleet, decision.decision_id, payment, gathered)
    return Draft(decision, facts.degraded, shadow, (_text_of(rules, decision.recorded_at),))


def look_up(runtime: Runtime, payment: Payment) -> Gathered:
    """The model input of a payment.

    What was decided lately is read before the online store: it is only forgotten once the store
    holds it, so in this order nothing can fall between the two.
    """
    transaction = Transaction(
        transaction_id=payment.transaction_id,
        event_timestamp=payment.event_timestamp,
        user_id=payment.user_id,
        merchant_id=payment.merchant_id,
        amount=payment.amount,
        device_id=payment.device_id,
        latitude=payment.latitude,
        longitude=payment.longitude,
    )
    decided = runtime.recent[DOMAIN.name].of(payment.user_id)
    keys = {"user_id": payment.user_id, "merchant_id": payment.merchant_id}
    rows = runtime.online.read(VIEWS, keys, payment.event_timestamp)
    try:
        return gather(transaction, rows, decided, zone_of(runtime.settings.timezone))
    except Exception:  # noqa: BLE001 - a history that cannot be used must not stop the payment
        _log.exception("the features of a payment could not be computed")
        return nothing_known(rows)


def _model_troubles(scored: Scored) -> tuple[str, ...]:
    if scored.drawn is None:
        return ("model_missing",)
    arm, model = scored.drawn
    if scored.error is None:
        return ()
    return (f"{model.name}_late" if scored.error.startswith(LATE) else f"{arm}_failed",)


def _answer(
    payment: Payment, facts: Facts, scored: Scored, rules: RuleSet
) -> tuple[PaymentDecision, Facts]:
    """The answer, without reasons where they cannot be had: the decision stands on the score."""
    model = scored.answered[1] if scored.answered else None
    decision_id, asked = uuid4().hex, (scored.probability, model, rules)
    try:
        return compose(decision_id, payment, facts, *asked), facts
    except Exception:  # noqa: BLE001 - whatever the explanation raises, the decision goes on
        _log.exception("no reasons could be given")
        without = replace(facts, degraded=(*facts.degraded, NO_REASONS))
        return compose(decision_id, payment, without, *asked), without


def _shadow(fleet: Fleet, decision_id: str, payment: Payment, gathered: Gathered) -> ToScore | None:
    if fleet.shadow is None:
        return None
    decided = partial(_decision_of, payment, gathered.inputs)
    return ToScore(decision_id, fleet.shadow, gathered.inputs, decided)


def _decision_of(
    payment: Payment, inputs: dict[str, float | None], probability: float, model: Model
) -> str:
    """What would have been decided by another version, its rules included."""
    return judge(payment, inputs, probability, model, rules_of(model))[1].decision.value


def _text_of(rules: RuleSet, now: datetime) -> Event:
    """The rule set as the ledger keeps it, so that a replay finds it after its file has changed."""
    return Event("rules", DOMAIN.name, rules.digest, "serving", now, body=rules.content)
