"""`POST /v1/fraud/decisions`: parse, fetch, pick the arm, ask the model, record, answer."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter

from fastapi import APIRouter, Request, Response

from components.fraud import DOMAIN
from components.fraud.decision import Answer
from serving.common.decisions import answer_once
from serving.common.domain import Carried, DomainService
from serving.common.openapi import described
from serving.common.parsing import not_in_future, parse, read_body
from serving.common.review_queue import Reviewed
from serving.common.runtime import Runtime
from serving.fraud.answer import amount_of, answer_again, prepare
from serving.fraud.draft import draft
from serving.fraud.features import RECENT, remember, transaction_of
from serving.fraud.schemas import FraudOutcome, PaymentDecision, PaymentRequest


def router(runtime: Runtime) -> APIRouter:
    """The endpoints about payments."""
    routes = APIRouter(prefix="/v1/fraud", tags=["fraud"])

    @routes.post(
        "/decisions",
        **described(
            "Decide on a payment",
            PaymentRequest.model_json_schema(),
            PaymentDecision,
            problems=(400, 401, 409, 413, 422, 503, 504),
        ),
    )
    async def decide(request: Request) -> Response:
        """Approve a payment, step up, have a person review it, or decline it, and say why.

        The same payment sent twice gets the same answer. Whatever is missing (a feature view, a
        model) is named in `degraded`; it never fails the request.
        """
        started = perf_counter()
        sent = parse(PaymentRequest, await read_body(request))
        not_in_future("event_timestamp", sent.event_timestamp, datetime.now(UTC))
        payment = sent.by_pseudonym(runtime.pseudonym_key)
        asked = payment.canonical()
        answer = await answer_once(
            runtime,
            DOMAIN.name,
            payment.transaction_id,
            asked,
            lambda: draft(runtime, payment, asked, started),
        )
        return Response(answer, media_type="application/json")

    return routes


SERVICE = DomainService(
    name=DOMAIN.name,
    router=router,
    outcome=FraudOutcome,
    answer_again=answer_again,
    carried=Carried(RECENT, "user_id", transaction_of, remember),
    reviewed=Reviewed((Answer.REVIEW.value,), "amount", {"genuine": False, "fraud": True}),
    prepare=prepare,
    amount_of=amount_of,
)
