"""The HTTP application of every domain: keys, problems, metrics, decisions, outcomes, the page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPMethod, HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from serving.common.auth import HEADER, caller_of
from serving.common.counting import Counting
from serving.common.metrics import exposition
from serving.common.openapi import show_page
from serving.common.patience import ANSWER_SECONDS, Patience
from serving.common.problem import say_problems
from serving.common.record_endpoints import record_routes
from serving.common.review_endpoints import review_routes
from serving.common.runtime import Runtime
from serving.common.straight import Straight

_Key = Annotated[str | None, Security(APIKeyHeader(name=HEADER, auto_error=False))]
_Token = Annotated[object, Security(HTTPBearer(auto_error=False))]
"""Declared for the OpenAPI page; the check itself reads the headers."""

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_DESCRIPTION = (
    "Decisions of the payments loop. Every answer is written down before it is given, "
    "and can be given again byte for byte."
)


def make_app(runtime: Runtime, answer_seconds: float = ANSWER_SECONDS) -> FastAPI:
    """The application of one worker; it starts and stops the runtime with itself.

    A request that has no answer after `answer_seconds` is answered with a problem.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await runtime.start()
        yield
        await runtime.stop()

    app = FastAPI(
        title="Finloop", description=_DESCRIPTION, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    say_problems(app)
    guarded = APIRouter(dependencies=[Depends(_key_check(runtime))])
    routers = [service.router(runtime) for service in runtime.services]
    for router in routers:
        guarded.include_router(router)
    guarded.include_router(record_routes(runtime))
    guarded.include_router(review_routes(runtime))
    app.include_router(guarded)
    show_page(app)
    _show_metrics(app)
    _say_unknown(app)
    routes = [route for router in routers for route in router.routes]
    app.add_middleware(Straight, routes=routes, keys=runtime.settings.api_keys)
    app.add_middleware(Patience, seconds=answer_seconds)
    app.add_middleware(Counting)
    return app


def _show_metrics(app: FastAPI) -> None:
    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        """The metrics of every worker, for Prometheus."""
        return Response(exposition(), media_type=_METRICS_TYPE)


def _say_unknown(app: FastAPI) -> None:
    """Answer what no endpoint answers; comes last, so that it takes what the others left."""

    others = tuple(app.router.routes)

    @app.api_route("/v1", methods=list(HTTPMethod), include_in_schema=False)
    @app.api_route("/v1/{rest:path}", methods=list(HTTPMethod), include_in_schema=False)
    async def unknown(request: Request, rest: str = "") -> Response:
        taken = _methods(others, request.scope)
        if not taken:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(taken)})


def _methods(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """The methods that an address is there for."""
    return [
        method.value
        for method in HTTPMethod
        if any(
            route.matches({**scope, "method": method.value})[0] is Match.FULL for route in routes
        )
    ]


def _key_check(runtime: Runtime) -> Callable[..., Awaitable[None]]:
    async def check(request: Request, key: _Key, token: _Token) -> None:
        request.state.caller = caller_of(request.headers, runtime.settings.api_keys)

    return check
