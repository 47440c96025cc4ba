"""From what is known of an application to the bytes of its answer: pure, to be replayed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.artifact import read_inputs
from components.common.errors import refused
from components.common.records import Decision
from components.credit.decision import Answer, Policy, decide
from components.credit.features import AGE, MODEL_INPUT
from components.credit.points import grade, points
from serving.common.arms import Arm
from serving.common.bodies import Answerer, Reason
from serving.common.facts import AnsweredBy, Facts
from serving.common.models import Model
from serving.common.scoring import probability
from serving.credit.schemas import Application, CreditScore

if TYPE_CHECKING:
    from serving.common.library import Library

NO_MODEL = Reason(
    code="NO_MODEL",
    text_en="No model could be asked, so a person looks at it.",
    text_ko="사용할 수 있는 모델이 없어 담당자가 확인합니다.",
)
_KNOWN = frozenset((*MODEL_INPUT, AGE))

policy_of = cache(Policy.read)
"""The policy of an artifact folder, which never changes: its name is its digest."""


def compose(
    decision_id: str,
    application: Application,
    facts: Facts,
    said: float | None,
    model: Model | None,
) -> CreditScore:
    """The answer to an application whose probability of default `model` said."""
    score = None if said is None else points(said)
    return CreditScore(
        decision_id=decision_id,
        application_id=application.application_id,
        event_timestamp=application.event_timestamp,
        decision=ruling(said, model).value,
        score=score,
        grade=None if score is None else grade(score),  # type: ignore[arg-type]
        probability=said,
        reasons=[NO_MODEL] if said is None else [],
        model=Answerer(**vars(facts.model)) if facts.model is not None else None,
        feature_age_seconds=dict(sorted(facts.ages.items())),  # as canonical JSON keeps them
        degraded=list(facts.degraded),
    )


def ruling(said: float | None, model: Model | None) -> Answer:
    """What is decided by the thresholds of the model that spoke."""
    return decide(said, policy_of(model.directory) if model is not None else Policy())


def prepare(directory: Path) -> None:
    """Make an artifact ready to answer; refuses one with inputs that no application ever has."""
    unknown = sorted(set(read_inputs(directory)) - _KNOWN)
    if unknown:
        raise refused(
            "inputs_unknown",
            f"Its inputs {', '.join(unknown)} are no features of an application here.",
        )
    policy_of(directory)


def answer_again(decision: Decision, model: Model | None, library: Library) -> bytes:
    """The answer to a recorded application, made anew by `model`.

    The same bytes as recorded where the model is the one that answered; otherwise what that model
    would have said, by its own thresholds.
    """
    facts = Facts.of(decision)
    application = Application.model_validate_json(decision.request)
    if model is None:
        return encode(compose(decision.decision_id, application, facts, None, None))
    arm: Arm = facts.model.arm if facts.model is not None else "champion"
    facts = replace(facts, model=AnsweredBy.of(arm, model))
    said = probability(model, facts.features)
    return encode(compose(decision.decision_id, application, facts, said, model))


def encode(answer: CreditScore) -> bytes:
    """The bytes of an answer, as they are kept and sent."""
    return answer.model_dump_json().encode()


def amount_of(decision: Decision) -> float:
    """The amount of the loan that was decided on."""
    return float(json.loads(decision.request)["loan_amount"])
