"""`GET /v1/decisions/{id}` and `POST /v1/outcomes`: the record, for every domain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.records import Feedback, FeedbackKind, Outcome
from serving.common.domain import DomainService, service_of
from serving.common.openapi import described
from serving.common.outcome_report import (
    FeedbackReport,
    OutcomeReport,
    Report,
    read_reports,
    schema,
)
from serving.common.parsing import not_in_future, read_body
from serving.common.problem import responses, sentence
from serving.common.runtime import Runtime

BATCH_LIMIT = 4 * 1024 * 1024
"""Largest body of outcomes in bytes."""


class KnownOutcome(BaseModel):
    """What turned out to be true."""

    label: bool
    known_at: datetime
    source: str


class RecordedDecision(BaseModel):
    """A decision as the ledger has it. Ids of people are pseudonyms."""

    decision_id: str
    domain: str
    subject_id: str = Field(description="What was decided on")
    recorded_at: datetime
    arm: str = Field(description="The arm that was drawn")
    version: str | None = Field(description="Version of that arm")
    error: str | None = Field(description="What went wrong in that arm; another one answered then")
    request: dict[str, Any]
    answer: dict[str, Any]
    outcomes: list[KnownOutcome]


class Accepted(BaseModel):
    """What became of the outcomes that were sent."""

    accepted: int = Field(description="Outcomes that are new", examples=[1])
    known: int = Field(description="Outcomes that were there already", examples=[0])


def record_routes(runtime: Runtime) -> APIRouter:
    """The endpoints about what was recorded."""
    routes = APIRouter(prefix="/v1", tags=["record"])
    kinds = _kinds(runtime.services)

    @routes.get(
        "/decisions/{decision_id}",
        summary="Read a decision again",
        responses=responses(401, 404, 503, 504),
    )
    async def decision(decision_id: str) -> RecordedDecision:
        """What was decided, on what, by which version, and what turned out to be true."""
        return await asyncio.to_thread(_recorded, runtime.ledger, decision_id)

    @routes.post(
        "/outcomes",
        **described(
            "Report outcomes", schema(kinds), Accepted, problems=(400, 401, 404, 413, 422, 503, 504)
        ),
    )
    async def outcomes(request: Request) -> Accepted:
        """Tell what turned out to be true of decided subjects: one outcome, or a list of them.

        All of a list is taken or none of it. Sending an outcome twice does no harm.
        """
        body = await read_body(request, BATCH_LIMIT)
        found = await asyncio.to_thread(_outcomes, runtime.ledger, body, kinds)
        written = await runtime.recorder.record(*found)
        return Accepted(accepted=sum(written), known=len(written) - sum(written))

    return routes


def _kinds(services: Iterable[DomainService]) -> dict[str, type[Report]]:
    """Kind → the body that reports it: the outcome of each domain by its name, and feedback."""
    found: dict[str, type[Report]] = {}
    for one in services:
        found |= {one.name: one.outcome} if one.outcome is not None else {}
        for kind, body in one.shown.kinds.items() if one.shown is not None else ():
            found[kind] = body
    return found


def _recorded(ledger: Ledger, decision_id: str) -> RecordedDecision:
    decision = ledger.decision(decision_id)
    if decision is None:
        raise FinloopError(
            "unknown_decision",
            "There is no decision of that id; take the decision_id of an answer.",
            http_status=HTTPStatus.NOT_FOUND,
        )
    found = ledger.outcomes("domain = ? AND subject_id = ?", decision.domain, decision.subject_id)
    return RecordedDecision(
        decision_id=decision.decision_id,
        domain=decision.domain,
        subject_id=decision.subject_id,
        recorded_at=decision.recorded_at,
        arm=decision.arm,
        version=decision.version,
        error=decision.error,
        request=json.loads(decision.request),
        answer=json.loads(decision.answer),
        outcomes=[
            KnownOutcome(label=one.label, known_at=one.known_at, source=one.source) for one in found
        ],
    )


def _outcomes(
    ledger: Ledger, body: bytes, kinds: Mapping[str, type[Report]]
) -> list[Outcome | Feedback]:
    """The outcomes of a body, every one of a subject that was decided or of what was shown."""
    reports = read_reports(body, kinds)
    now = datetime.now(UTC)
    return [_record(ledger, kind, report, now) for kind, report in reports]


def _record(ledger: Ledger, kind: str, report: Report, now: datetime) -> Outcome | Feedback:
    not_in_future("outcome_timestamp", report.outcome_timestamp, now)
    if isinstance(report, OutcomeReport):
        return _outcome(ledger, kind, report, now)
    assert isinstance(report, FeedbackReport)  # noqa: S101 - there are no others
    return _feedback(ledger, cast("FeedbackKind", kind), report, now)


def _outcome(ledger: Ledger, domain: str, report: OutcomeReport, now: datetime) -> Outcome:
    decided = ledger.rows(
        "SELECT 1 FROM decisions WHERE domain = ? AND subject_id = ?",
        domain,
        report.subject_id,
    )
    if not decided:
        raise FinloopError(
            "unknown_subject",
            f"Nothing was decided on {sentence(report.subject_id)}, so no outcome was taken.",
            http_status=HTTPStatus.NOT_FOUND,
        )
    return Outcome(
        domain=domain,
        subject_id=report.subject_id,
        label=report.label,
        known_at=report.outcome_timestamp.astimezone(UTC),
        source=report.source,
        recorded_at=now,
    )


def _feedback(
    ledger: Ledger, kind: FeedbackKind, report: FeedbackReport, now: datetime
) -> Feedback:
    decision = ledger.decision(report.decision_id)
    shown = service_of(decision.domain).shown if decision is not None else None
    if decision is None or shown is None:
        raise FinloopError(
            "unknown_decision",
            f"No list was shown by {sentence(report.decision_id)}, so no feedback was taken.",
            http_status=HTTPStatus.NOT_FOUND,
        )
    if report.item_id not in shown.items(decision):
        raise FinloopError(
            "not_shown",
            f"{sentence(report.item_id)} is not on that list, so no feedback was taken.",
            http_status=HTTPStatus.UNPROCESSABLE_ENTITY,
        )
    return Feedback(
        domain=decision.domain,
        decision_id=decision.decision_id,
        entity_id=decision.entity_id,
        item_id=report.item_id,
        kind=kind,
        happened_at=report.outcome_timestamp.astimezone(UTC),
        source=report.source,
        recorded_at=now,
    )
