"""Make one list from what this worker holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

from components.common.records import Decision
from components.recommendation import DOMAIN, NCF
from serving.common.decisions import Draft
from serving.common.facts import AnsweredBy, Facts
from serving.common.models import Model
from serving.common.runtime import Runtime
from serving.common.scoring import Answered, ask
from serving.recommendation.answer import (
    PLACE_UNKNOWN,
    Listed,
    compose,
    encode,
    list_by,
    list_without,
)
from serving.recommendation.features import Known, gather, recall
from serving.recommendation.schemas import Asked

SHARED = 0.2
"""Share of a list that another version's must have in common with it, to be called the same."""
OTHER = "OTHER"
"""What a list of another version is called that has less in common."""


def draft(runtime: Runtime, decision_id: str, asked: Asked, started: float) -> Draft:
    """The list for a customer (a pseudonym).

    `started` is the `perf_counter` at which the request came in.
    """
    gathered = gather(runtime.online, asked.user_id, asked.event_timestamp)
    fleet = runtime.models.fleet(NCF.name)
    known = gathered.known
    answers = ask(fleet, asked.user_id, lambda by: list_by(by, asked, known), runtime.budget)
    if answers.answer is None:
        known = recall(runtime.online, known, asked.user_id, asked.event_timestamp)
    listed = answers.answer or list_without(asked, known)
    facts = Facts(
        known.profile,
        gathered.ages,
        (*gathered.degraded, *_troubles(answers, asked, known)),
        AnsweredBy.of(*answers.answered) if answers.answered else None,
        known=known.as_json(),
    )
    answer = encode(compose(decision_id, asked, facts, listed)).decode()
    drawn = answers.drawn
    decision = Decision(
        decision_id=decision_id,
        domain=DOMAIN.name,
        subject_id=decision_id,
        entity_id=asked.user_id,
        event_timestamp=asked.event_timestamp,
        recorded_at=datetime.now(UTC),
        model=NCF.name,
        version=drawn[1].release.version if drawn else None,
        digest=drawn[1].release.digest if drawn else None,
        arm=drawn[0] if drawn else "none",
        score=listed.score if answers.answered else None,
        decision=listed.kind,
        latency_ms=(perf_counter() - started) * 1000,
        error=answers.error,
        request=asked.canonical(),
        features=facts.text(),
        answer=answer,
    )
    shadows = tuple(_shadows(fleet.shadow, decision_id, asked, known, listed))
    return Draft(decision, facts.degraded, shadows)


@dataclass(frozen=True)
class ToList:
    """A list that another version has yet to make."""

    decision_id: str
    model: Model
    asked: Asked
    known: Known
    shown: Listed

    def answer(self) -> tuple[float, str]:
        """Its mean probability; the kind of the list, or `OTHER` where it is quite another one."""
        made = list_by(self.model, self.asked, self.known)
        most = max(len(made.items), len(self.shown.items))
        same = len(made.merchants & self.shown.merchants) >= SHARED * most
        return made.score, made.kind if same else OTHER


def _shadows(
    model: Model | None, decision_id: str, asked: Asked, known: Known, shown: Listed
) -> Iterator[ToList]:
    if model is not None:
        yield ToList(decision_id, model, asked, known, shown)


def _troubles(answers: Answered[Listed], asked: Asked, known: Known) -> Iterator[str]:
    """Stable names of what was missing besides features."""
    yield from answers.troubles(NCF.name)
    if asked.radius_km is not None and asked.near(known.usual) is None:
        yield PLACE_UNKNOWN
