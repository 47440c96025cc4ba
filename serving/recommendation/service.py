"""`GET /v1/recommendations/{user_id}`: parse, fetch, pick the arm, rank, record, answer."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from components.common.errors import FinloopError
from components.common.identity import pseudonymise
from components.recommendation import DOMAIN
from serving.common.decisions import answer_once
from serving.common.domain import DomainService, Shown
from serving.common.openapi import queried
from serving.common.parsing import parse_query
from serving.common.runtime import Runtime
from serving.recommendation.answer import answer_again, merchants_of, prepare
from serving.recommendation.draft import draft
from serving.recommendation.schemas import Click, Impression, ListQuery, Recommendations

_LONGEST_ID = 128


def router(runtime: Runtime) -> APIRouter:
    """The endpoints about recommendations."""
    routes = APIRouter(prefix="/v1/recommendations", tags=["recommendation"])

    @routes.get(
        "/{user_id}",
        **queried(
            "Recommend merchants to a customer",
            ListQuery,
            Recommendations,
            problems=(401, 422, 503, 504),
        ),
    )
    async def recommend(user_id: str, request: Request) -> Response:
        """The merchants that a customer would like, best first, each with a reason.

        A customer who is not known gets what is popular. Whatever is missing (a feature view, a
        model) is named in `degraded`; it never fails the request. Every list is a new decision.
        """
        started = perf_counter()
        if len(user_id) > _LONGEST_ID:
            raise FinloopError(
                "wrong_length",
                f"user_id must have at most {_LONGEST_ID} characters.",
                http_status=422,
            )
        query = parse_query(ListQuery, request.query_params)
        asked = query.as_asked(pseudonymise(user_id, runtime.pseudonym_key), datetime.now(UTC))
        name = uuid4().hex
        answer = await answer_once(
            runtime,
            DOMAIN.name,
            name,
            asked.canonical(),
            lambda: draft(runtime, name, asked, started),
        )
        return Response(answer, media_type="application/json")

    return routes


SERVICE = DomainService(
    name=DOMAIN.name,
    router=router,
    outcome=None,
    answer_again=answer_again,
    shown=Shown({"impression": Impression, "click": Click}, merchants_of),
    prepare=prepare,
    passes=frozenset({"PERSONAL", "STORED", "SEGMENT", "POPULAR"}),
)
