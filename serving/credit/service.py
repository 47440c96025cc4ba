"""`POST /v1/credit/scores` and `GET /v1/credit/scores/{id}`: parse, fetch, ask, record, answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter

from fastapi import APIRouter, Request, Response

from components.common.errors import FinloopError
from components.credit import DOMAIN
from components.credit.decision import Answer
from serving.common.decisions import answer_once
from serving.common.domain import DomainService
from serving.common.openapi import described
from serving.common.parsing import not_in_future, parse, read_body
from serving.common.problem import responses
from serving.common.review_queue import Reviewed
from serving.common.runtime import Runtime
from serving.credit.answer import amount_of, answer_again, prepare
from serving.credit.draft import draft
from serving.credit.schemas import Application, CreditOutcome, CreditScore

_JSON = "application/json"


def router(runtime: Runtime) -> APIRouter:
    """The endpoints about credit applications."""
    routes = APIRouter(prefix="/v1/credit", tags=["credit"])

    @routes.post(
        "/scores",
        **described(
            "Score a credit application",
            Application.model_json_schema(),
            CreditScore,
            problems=(400, 401, 409, 413, 422, 503, 504),
        ),
    )
    async def score(request: Request) -> Response:
        """Grant a loan, have a person review it, or decline it, and say why.

        The same application sent twice gets the same answer. Whatever is missing (a feature view,
        a model) is named in `degraded`; it never fails the request.
        """
        started = perf_counter()
        sent = parse(Application, await read_body(request))
        not_in_future("event_timestamp", sent.event_timestamp, datetime.now(UTC))
        application = sent.by_pseudonym(runtime.pseudonym_key)
        asked = application.canonical()
        answer = await answer_once(
            runtime,
            DOMAIN.name,
            application.application_id,
            asked,
            lambda: draft(runtime, application, asked, started),
        )
        return Response(answer, media_type=_JSON)

    @routes.get(
        "/scores/{decision_id}",
        summary="Read a score again",
        response_model=None,
        responses={200: {"model": CreditScore}, **responses(401, 404, 503, 504)},
    )
    async def again(decision_id: str) -> Response:
        """The answer that was given, to the byte."""
        answer = await asyncio.to_thread(_answer_of, runtime, decision_id)
        return Response(answer, media_type=_JSON)

    return routes


def _answer_of(runtime: Runtime, decision_id: str) -> bytes:
    decision = runtime.ledger.decision(decision_id)
    if decision is None or decision.domain != DOMAIN.name:
        raise FinloopError(
            "unknown_decision",
            "There is no score of that id; take the decision_id of an answer.",
            http_status=HTTPStatus.NOT_FOUND,
        )
    return decision.answer.encode()


SERVICE = DomainService(
    name=DOMAIN.name,
    router=router,
    outcome=CreditOutcome,
    answer_again=answer_again,
    reviewed=Reviewed((Answer.REVIEW.value,), "loan_amount", {"repaid": False, "defaulted": True}),
    prepare=prepare,
    amount_of=amount_of,
)
