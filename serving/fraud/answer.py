"""From what is known of a payment to the bytes of its answer: pure, so that it can be replayed."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from components.common.artifact import read_inputs
from components.common.errors import refused
from components.common.records import Decision
from components.fraud.decision import Answer, Policy, decide
from components.fraud.features import MODEL_INPUT
from components.fraud.reasons import explain, warm
from serving.common.arms import Arm
from serving.common.facts import AnsweredBy, Facts
from serving.common.models import Model
from serving.common.scoring import probability
from serving.fraud.schemas import Answerer, Payment, PaymentDecision, Reason

NO_MODEL = Reason(
    code="NO_MODEL",
    text_en="No model could be asked, so a person looks at it.",
    text_ko="사용할 수 있는 모델이 없어 담당자가 확인합니다.",
)
NO_REASONS = "reasons_unavailable"

policy_of = cache(Policy.read)
"""The policy of an artifact folder, which never changes: its name is its digest."""


def compose(
    decision_id: str, payment: Payment, facts: Facts, score: float | None, model: Model | None
) -> PaymentDecision:
    """The answer to a payment whose calibrated probability of fraud is `score`."""
    ruling = decide(score, policy_of(model.directory) if model is not None else None)
    reasons: list[Reason] = []
    if model is None or score is None:
        reasons = [NO_MODEL]
    elif ruling.decision is not Answer.APPROVE and NO_REASONS not in facts.degraded:
        reasons = reasons_for(model, facts.inputs)
    return PaymentDecision(
        decision_id=decision_id,
        transaction_id=payment.transaction_id,
        event_timestamp=payment.event_timestamp,
        decision=ruling.decision.value,
        risk_level=ruling.risk_level.value,
        probability=ruling.probability,
        reasons=reasons,
        model=Answerer(**asdict(facts.model)) if facts.model is not None else None,
        feature_age_seconds=dict(sorted(facts.ages.items())),  # as canonical JSON keeps them
        degraded=list(facts.degraded),
    )


def prepare(directory: Path) -> None:
    """Make an artifact ready to answer; refuses one with inputs that no payment ever has.

    They would be nulls in every request, and the model would be wrong without a word.
    """
    unknown = sorted(set(read_inputs(directory)) - set(MODEL_INPUT))
    if unknown:
        raise refused(
            "inputs_unknown", f"Its inputs {', '.join(unknown)} are no features of a payment here."
        )
    policy_of(directory)
    warm(directory)


def reasons_for(model: Model, inputs: dict[str, float | None]) -> list[Reason]:
    """Why the model leans towards fraud, strongest first."""
    found = explain(model.directory, model.scorer.vector(inputs))
    return [Reason(code=one.code, text_en=one.text, text_ko=one.text_ko) for one in found]


def answer_again(decision: Decision, model: Model | None) -> bytes:
    """The answer to a recorded decision, made anew by `model`.

    The same bytes as recorded where the model is the one that answered; otherwise what that model
    would have said.
    """
    facts = Facts.of(decision)
    payment = Payment.model_validate_json(decision.request)
    if model is None:
        return encode(compose(decision.decision_id, payment, facts, None, None))
    arm: Arm = facts.model.arm if facts.model is not None else "champion"
    facts = replace(facts, model=AnsweredBy.of(arm, model))
    score = probability(model, facts.inputs)
    return encode(compose(decision.decision_id, payment, facts, score, model))


def encode(answer: PaymentDecision) -> bytes:
    """The bytes of an answer, as they are kept and sent."""
    return answer.model_dump_json().encode()
