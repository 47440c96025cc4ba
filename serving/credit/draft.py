"""Score one application from what this worker holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from time import perf_counter
from uuid import uuid4
from zoneinfo import ZoneInfo

from components.common.records import Decision
from components.credit import DOMAIN, SCORING
from serving.common.decisions import Draft
from serving.common.facts import AnsweredBy, Facts
from serving.common.models import Fleet, Model
from serving.common.runtime import Runtime
from serving.common.scoring import Answered, score
from serving.common.shadowing import ToScore
from serving.credit.answer import NO_REASONS, compose, encode, ruling
from serving.credit.features import VIEWS, Gathered, gather
from serving.credit.schemas import Application, CreditScore

zone_of = cache(ZoneInfo)
_log = logging.getLogger("finloop.serving")


def draft(runtime: Runtime, application: Application, asked: str, started: float) -> Draft:
    """The score of an application, which carries a pseudonym; `asked` is its canonical JSON.

    `started` is the `perf_counter` at which the request came in.
    """
    fleet = runtime.models.fleet(SCORING.name)
    gathered = look_up(runtime, application, fleet)
    scored = score(fleet, application.user_id, gathered.inputs, runtime.budget)
    by = AnsweredBy.of(*scored.answered) if scored.answered else None
    degraded = (*gathered.degraded, *scored.troubles(SCORING.name))
    facts = Facts(gathered.inputs, gathered.ages, degraded, by)
    model = scored.answered[1] if scored.answered else None
    answer, facts = _answer(application, facts, scored.answer, model)
    decision = _decision(application, asked, scored, answer, facts, started)
    return Draft(decision, facts.degraded, tuple(_shadows(decision.decision_id, fleet, gathered)))


def _answer(
    application: Application, facts: Facts, said: float | None, model: Model | None
) -> tuple[CreditScore, Facts]:
    """The answer, unexplained where that cannot be had: the decision stands on the score."""
    decision_id = uuid4().hex
    try:
        return compose(decision_id, application, facts, said, model), facts
    except Exception:  # noqa: BLE001 - whatever the explanation raises, the decision goes on
        _log.exception("a score could not be explained")
        without = replace(facts, degraded=(*facts.degraded, NO_REASONS))
        return compose(decision_id, application, without, said, model), without


def look_up(runtime: Runtime, application: Application, fleet: Fleet) -> Gathered:
    """The model input of an application."""
    keys = {"user_id": application.user_id}
    rows = runtime.online.read(VIEWS, keys, application.event_timestamp)
    needed = {name for model in _members(fleet) for name in model.scorer.inputs}
    return gather(application, rows, zone_of(runtime.settings.timezone), needed)


def _members(fleet: Fleet) -> Iterator[Model]:
    yield from (one for one in (fleet.champion, fleet.challenger) if one is not None)


def _decision(
    application: Application,
    asked: str,
    scored: Answered[float],
    answer: CreditScore,
    facts: Facts,
    started: float,
) -> Decision:
    """The record of an answer; its model is the one that was drawn, whoever had to answer."""
    arm, drawn = scored.drawn or ("none", None)
    return Decision(
        decision_id=answer.decision_id,
        domain=DOMAIN.name,
        subject_id=application.application_id,
        entity_id=application.user_id,
        event_timestamp=application.event_timestamp,
        recorded_at=datetime.now(UTC),
        model=SCORING.name,
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


def _shadows(decision_id: str, fleet: Fleet, gathered: Gathered) -> Iterator[ToScore]:
    """What the version in shadow has yet to score."""
    if fleet.shadow is not None:
        yield ToScore(
            decision_id,
            fleet.shadow,
            gathered.inputs,
            lambda said, model: ruling(said, model).value,
        )
