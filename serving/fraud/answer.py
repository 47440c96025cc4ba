"""From what is known of a payment to the bytes of its answer: pure, so that it can be replayed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.artifact import read_inputs
from components.common.errors import refused
from components.common.records import Decision
from components.fraud import POLICY
from components.fraud.decision import Answer, Policy, Ruling, decide
from components.fraud.features import MODEL_INPUT
from components.fraud.reasons import explain, warm
from components.fraud.rules import rules_in_force
from components.fraud.rules.fields import values_of
from components.fraud.rules.precedence import Verdict, overrule
from components.fraud.rules.ruleset import RuleSet
from components.fraud.sequence_steps import SEQUENCE_INPUT
from serving.common.arms import Arm
from serving.common.facts import AnsweredBy, Facts
from serving.common.models import Model
from serving.common.scoring import probability
from serving.fraud.members import MEMBERS
from serving.fraud.schemas import (
    Answerer,
    MemberScore,
    Payment,
    PaymentDecision,
    PolicyUsed,
    Reason,
    UserHistory,
)

if TYPE_CHECKING:
    from serving.common.library import Library

NO_MODEL = Reason(
    code="NO_MODEL",
    text_en="No model could be asked, so a person looks at it.",
    text_ko="사용할 수 있는 모델이 없어 담당자가 확인합니다.",
)
NO_REASONS = "reasons_unavailable"

_KNOWN = frozenset((*MODEL_INPUT, *SEQUENCE_INPUT, *MEMBERS))

policy_of = cache(Policy.read)
"""The policy of an artifact folder, which never changes: its name is its digest."""


def compose(
    decision_id: str,
    payment: Payment,
    facts: Facts,
    said: Mapping[str, float],
    models: Mapping[str, Model],
    rules: RuleSet,
) -> PaymentDecision:
    """The answer to a payment of which each of `models` `said` its probability of fraud.

    `facts.model` names the one that decides.
    """
    model = models[facts.model.name] if facts.model is not None else None
    score = said[model.name] if model is not None else None
    ruling, verdict = judge(payment, facts.inputs, score, model, rules)
    return PaymentDecision(
        decision_id=decision_id,
        transaction_id=payment.transaction_id,
        event_timestamp=payment.event_timestamp,
        decision=verdict.decision.value,
        risk_level=ruling.risk_level.value,
        probability=ruling.probability,
        reasons=_reasons(ruling, verdict, facts, _explained_by(models)),
        model=Answerer(**vars(facts.model)) if facts.model is not None else None,
        members=[
            MemberScore(name=by.name, version=by.version, arm=by.arm, probability=said[by.name])
            for by in facts.members
        ],
        policy=PolicyUsed(rules=rules.digest, applied=[rule.id for rule in verdict.applied]),
        feature_age_seconds=dict(sorted(facts.ages.items())),  # as canonical JSON keeps them
        history=UserHistory(**vars(facts.history)),
        degraded=list(facts.degraded),
    )


def _explained_by(models: Mapping[str, Model]) -> Model | None:
    """The model whose view of the payment is told as reasons: a policy sees no payment."""
    return next((models[name] for name in MEMBERS if name in models), None)


def judge(
    payment: Payment,
    inputs: Mapping[str, float | None],
    score: float | None,
    model: Model | None,
    rules: RuleSet,
) -> tuple[Ruling, Verdict]:
    """What the model says of a payment, and what is decided once the rules have spoken."""
    ruling = decide(score, policy_of(model.directory) if model is not None else None)
    known = values_of(vars(payment), inputs, ruling.probability, ruling.risk_level.value)
    return ruling, overrule(ruling, rules.hits(known))


def _reasons(ruling: Ruling, verdict: Verdict, facts: Facts, model: Model | None) -> list[Reason]:
    """The rules that speak for the verdict, then what moved the model; each code once."""
    found = [
        Reason(code=rule.reason, text_en=rule.text_en, text_ko=rule.text_ko)
        for rule in verdict.because
    ]
    if ruling.probability is None and not found:
        found = [NO_MODEL]
    stopped = Answer.APPROVE not in (ruling.decision, verdict.decision)
    if stopped and model is not None and NO_REASONS not in facts.degraded:
        found += reasons_for(model, facts.features)
    return list({reason.code: reason for reason in reversed(found)}.values())[::-1]


def rules_of(model: Model | None) -> RuleSet:
    """The rules that decide beside a model, or without any."""
    return rules_in_force(model.directory if model is not None else None)


def prepare(directory: Path) -> None:
    """Make an artifact ready to answer; refuses one with inputs that no payment ever has.

    They would be nulls in every request, and the model would be wrong without a word.
    """
    inputs = set(read_inputs(directory))
    unknown = sorted(inputs - _KNOWN)
    if unknown:
        raise refused(
            "inputs_unknown", f"Its inputs {', '.join(unknown)} are no features of a payment here."
        )
    policy_of(directory)
    rules_in_force(directory)
    if not inputs <= set(MEMBERS):  # a policy sees no payment that it could explain
        warm(directory)


def reasons_for(model: Model, features: Mapping[str, float | None]) -> list[Reason]:
    """Why the model leans towards fraud, strongest first."""
    found = explain(model.directory, model.scorer.vector(features))
    return [Reason(code=one.code, text_en=one.text, text_ko=one.text_ko) for one in found]


def answer_again(decision: Decision, model: Model | None, library: Library) -> bytes:
    """The answer to a recorded decision, made anew by `model` and the rules of that time.

    The same bytes as recorded where the model is the one that answered; otherwise what that model
    would have said, and decided by its own rules where it is a decision policy.
    """
    facts = Facts.of(decision)
    payment = Payment.model_validate_json(decision.request)
    rules = _rules_then(decision.domain, facts, library)
    if model is None:
        return encode(compose(decision.decision_id, payment, facts, {}, {}, rules))
    if model.name == POLICY.name and not _answered(facts, model):
        rules = rules_of(model)
    models = _models_then(facts, model, library)
    facts = _as_answered(facts, model, models)
    said = _said_again(facts, models)
    return encode(compose(decision.decision_id, payment, facts, said, models, rules))


def _answered(facts: Facts, model: Model) -> bool:
    return any(by.digest == model.release.digest for by in facts.members)


def _models_then(facts: Facts, model: Model, library: Library) -> dict[str, Model]:
    """Everyone who answered, in their order, with `model` in the place of its namesake."""
    then = {
        by.name: library.by_digest(by.name, by.version, by.digest)
        for by in facts.members
        if by.name != model.name
    }
    names = [by.name for by in facts.members] or [model.name]
    return {name: then.get(name, model) for name in dict.fromkeys((*names, model.name))}


def _as_answered(facts: Facts, model: Model, models: Mapping[str, Model]) -> Facts:
    """The facts of a decision that `model` had made among these."""
    arm: Arm = facts.model.arm if facts.model is not None else "champion"
    arms: dict[str, Arm] = {by.name: by.arm for by in facts.members}
    members = tuple(AnsweredBy.of(arms.get(name, arm), one) for name, one in models.items())
    led = next(by for by in members if by.name == model.name)
    return replace(facts, model=led, members=members)


def _said_again(facts: Facts, models: Mapping[str, Model]) -> dict[str, float]:
    """What each model says of the facts; the policy last, because it listens to the others."""
    said = {
        name: probability(one, facts.features)
        for name, one in models.items()
        if name != POLICY.name
    }
    if POLICY.name in models:
        said[POLICY.name] = probability(models[POLICY.name], said)
    return said


def _rules_then(domain: str, facts: Facts, library: Library) -> RuleSet:
    """The rules that were looked at; none before there were any."""
    if facts.rules is None:
        return RuleSet.of({"rules": []})
    if facts.rules not in _read:
        _read[facts.rules] = RuleSet.of(library.rules(domain, facts.rules))
    return _read[facts.rules]


_read: dict[str, RuleSet] = {}
"""Rule sets of the ledger by digest, each compiled once."""


def encode(answer: PaymentDecision) -> bytes:
    """The bytes of an answer, as they are kept and sent."""
    return answer.model_dump_json().encode()


def amount_of(decision: Decision) -> float:
    """The amount of the payment that was decided on."""
    return float(json.loads(decision.request)["amount"])
