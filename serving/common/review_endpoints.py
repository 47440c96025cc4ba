"""`/v1/reviews`: what waits for a person, who takes it, and what they find; for every domain."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from components.common.errors import FinloopError
from components.common.records import Event
from serving.common.openapi import described
from serving.common.parsing import parse, read_body
from serving.common.problem import responses
from serving.common.review_queue import (
    Act,
    Case,
    ReviewQueue,
    Wanted,
    act,
    claim,
    open_cases,
    release,
    resolve,
    sort_key,
)
from serving.common.runtime import Runtime


class ReviewCase(BaseModel):
    """A decision that waits for a person. `GET /v1/decisions/{decision_id}` has all of it."""

    decision_id: str
    domain: str
    subject_id: str = Field(description="What was decided on")
    event_timestamp: datetime = Field(description="When it happened, in UTC")
    decided_at: datetime
    decision: str
    score: float | None = Field(description="Probability that was answered")
    amount: float | None = Field(description="Money at stake, currency units")
    claimed_by: str | None = Field(description="Who holds it; null where nobody does")
    claimed_until: datetime | None
    resolved_by: str | None
    outcome: str | None = Field(description="What was found; null while it is open")


class ReviewPage(BaseModel):
    """Some of the open cases."""

    cases: list[ReviewCase]
    open: int = Field(description="Cases that fit, on all pages")
    next: str | None = Field(
        description="What to send as `after` for the next page; null at the end"
    )


class Resolution(BaseModel):
    """What a person has found."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    outcome: str = Field(description="What it was, in the words of the domain", examples=["fraud"])
    note: str | None = Field(
        None,
        max_length=2000,
        description="Why; kept in the ledger with the decision, so name no person in it",
        examples=["The customer does not know this payment."],
    )


@dataclass(frozen=True)
class _Desk:
    """The queue of a worker, and how something is done to a case of it."""

    runtime: Runtime

    @cached_property
    def queue(self) -> ReviewQueue:
        """Made when it is first asked for: the ledger is not open before the worker starts."""
        services = self.runtime.services
        kinds = {one.name: one.reviewed for one in services if one.reviewed is not None}
        return ReviewQueue(self.runtime.ledger, kinds)

    async def do(self, decision_id: str, step: Act) -> ReviewCase:
        """Do something to a case, off the loop that answers."""
        ledger = self.runtime.recorder.ledger
        return _shown(await asyncio.to_thread(act, self.queue, ledger, decision_id, step))


def review_routes(runtime: Runtime) -> APIRouter:
    """The endpoints about cases that wait for a person."""
    routes = APIRouter(prefix="/v1/reviews", tags=["review"])
    desk = _Desk(runtime)
    _add_list(routes, desk)
    _add_holding(routes, desk)
    _add_resolve(routes, desk)
    return routes


def _add_list(routes: APIRouter, desk: _Desk) -> None:
    @routes.get("", summary="List open cases", responses=responses(401, 422, 503, 504))
    async def listed(
        domain: Annotated[str | None, Query(description="Only of this domain")] = None,
        state: Annotated[
            Literal["open", "waiting", "claimed"], Query(description="Held by nobody, by someone")
        ] = "open",
        claimed_by: Annotated[str | None, Query(description="Only those that they hold")] = None,
        minimum_amount: Annotated[float | None, Query(description="Currency units")] = None,
        sort: Annotated[
            Literal["oldest", "amount"], Query(description="The oldest, or most money first")
        ] = "oldest",
        limit: Annotated[int, Query(ge=1, le=200, description="Cases on a page")] = 50,
        after: Annotated[str | None, Query(description="`next` of the page before")] = None,
    ) -> ReviewPage:
        """What waits for a person, a page at a time."""
        wanted = Wanted(domain, state, claimed_by, minimum_amount, sort)
        cases = await asyncio.to_thread(desk.queue.cases)
        return _page(open_cases(cases, wanted, datetime.now(UTC)), sort, limit, after)


def _add_holding(routes: APIRouter, desk: _Desk) -> None:
    problems = responses(401, 404, 409, 503, 504)

    @routes.post("/{decision_id}/claim", summary="Take a case", responses=problems)
    async def claimed(decision_id: str, request: Request) -> ReviewCase:
        """Hold a case for half an hour, so that nobody else works on it; again to prolong it."""
        caller: str = request.state.caller
        return await desk.do(decision_id, lambda case, now: claim(case, caller, now))

    @routes.post("/{decision_id}/release", summary="Give a case back", responses=problems)
    async def released(decision_id: str, request: Request) -> ReviewCase:
        """Let somebody else take a case that you hold."""
        caller: str = request.state.caller
        return await desk.do(decision_id, lambda case, now: release(case, caller, now))


def _add_resolve(routes: APIRouter, desk: _Desk) -> None:
    problems = (400, 401, 404, 409, 413, 422, 503, 504)
    said = described(
        "Resolve a case", Resolution.model_json_schema(), ReviewCase, problems=problems
    )

    @routes.post("/{decision_id}/resolve", **said)
    async def resolved(decision_id: str, request: Request) -> ReviewCase:
        """Say what a case was that you hold. It is an outcome from then on, as any other.

        Sending the same resolution twice does no harm.
        """
        caller: str = request.state.caller
        found = parse(Resolution, await read_body(request))

        def step(case: Case, now: datetime) -> Event | None:
            desk.queue.check_outcome(case, found.outcome)
            return resolve(case, caller, now, found.outcome, found.note)

        return await desk.do(decision_id, step)


def _page(found: list[Case], sort: str, limit: int, after: str | None) -> ReviewPage:
    rest = found
    if after is not None:
        rest = [case for case in found if sort_key(case, sort) > _place(after)]
    shown = rest[:limit]
    more = len(rest) > limit
    place = "{!r}_{}".format(*sort_key(shown[-1], sort)) if more else None
    return ReviewPage(cases=[_shown(case) for case in shown], open=len(found), next=place)


def _place(after: str) -> tuple[float, int]:
    money, _, position = after.partition("_")
    try:
        return float(money), int(position)
    except ValueError:
        raise FinloopError(
            "wrong_type", "after must be the `next` of another page.", http_status=422
        ) from None


def _shown(case: Case) -> ReviewCase:
    holder = case.held_by(datetime.now(UTC))
    return ReviewCase(
        decision_id=case.decision_id,
        domain=case.domain,
        subject_id=case.subject_id,
        event_timestamp=case.event_timestamp,
        decided_at=case.decided_at,
        decision=case.decision,
        score=case.score,
        amount=case.amount,
        claimed_by=holder,
        claimed_until=case.held_until if holder is not None else None,
        resolved_by=case.resolved_by,
        outcome=case.outcome,
    )
