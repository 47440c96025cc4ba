"""From what is known of an application to the bytes of its answer: pure, to be replayed."""

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
from components.credit.counterfactual import nearest_change
from components.credit.decision import Answer, Policy, decide
from components.credit.features import AGE, MODEL_INPUT
from components.credit.points import grade, points
from components.credit.reasons import explain, warm
from serving.common.arms import Arm
from serving.common.bodies import Answerer, Reason
from serving.common.facts import AnsweredBy, Facts
from serving.common.models import Model
from serving.common.scoring import DIGITS, probability
from serving.credit.schemas import Application, CreditScore, RiskFactor, WhatWouldHelp

if TYPE_CHECKING:
    from serving.common.library import Library

NO_MODEL = Reason(
    code="NO_MODEL",
    text_en="No model could be asked, so a person looks at it.",
    text_ko="사용할 수 있는 모델이 없어 담당자가 확인합니다.",
)
NO_REASONS = "reasons_unavailable"
_DIGITS = 6
"""Digits that an explanation is rounded to, so that a replay spells it the same."""
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
    """The answer to an application whose probability of default `model` said.

    Without an explanation where `facts.degraded` says that none can be had.
    """
    score = None if said is None else points(said)
    decided = ruling(said, model)
    told = model if NO_REASONS not in facts.degraded else None
    factors = [] if told is None else risk_factors(told, facts.features)
    return CreditScore(
        decision_id=decision_id,
        application_id=application.application_id,
        event_timestamp=application.event_timestamp,
        decision=decided.value,
        score=score,
        grade=None if score is None else grade(score),  # type: ignore[arg-type]
        probability=said,
        reasons=_reasons(decided, said, factors),
        risk_factors=factors,
        what_would_help=None
        if told is None or decided is Answer.APPROVE
        else what_would_help(told, facts.features),
        model=Answerer(**vars(facts.model)) if facts.model is not None else None,
        feature_age_seconds=dict(sorted(facts.ages.items())),  # as canonical JSON keeps them
        degraded=list(facts.degraded),
    )


def risk_factors(model: Model, features: Mapping[str, float | None]) -> list[RiskFactor]:
    """What lowers the score that the model gives, strongest first."""
    return [
        RiskFactor(
            code=one.code,
            text_en=one.text,
            text_ko=one.text_ko,
            log_odds=round(one.contribution, _DIGITS),
        )
        for one in explain(model.directory, model.scorer.vector(features))
    ]


def what_would_help(model: Model, features: Mapping[str, float | None]) -> WhatWouldHelp | None:
    """The smallest change by which the model would grant the loan; None where none is found."""
    vector, bound = model.scorer.vector(features), policy_of(model.directory).approve_below
    found = nearest_change(model.scorer.score, model.scorer.inputs, vector, bound)
    if found is None:
        return None
    said = round(found.probability, DIGITS)
    changes = {name: round(value, _DIGITS) for name, value in sorted(found.values.items())}
    return WhatWouldHelp(changes=changes, probability=said, score=points(said))


def _reasons(decided: Answer, said: float | None, factors: list[RiskFactor]) -> list[Reason]:
    if said is None:
        return [NO_MODEL]
    if decided is Answer.APPROVE:
        return []
    return [Reason(**one.model_dump(exclude={"log_odds"})) for one in factors]


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
    warm(directory)


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
