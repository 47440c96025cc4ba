"""The short way to endpoints that read their request whole: a key, the endpoint, the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_type_hints

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from components.common.errors import FinloopError
from serving.common.auth import caller_of
from serving.common.problem import said


class Straight:
    """ASGI middleware over an app whose routes it knows.

    FastAPI looks at each route in turn, and works out anew for each request what an endpoint is to
    be called with. An endpoint that takes nothing but the request is found by its address and
    called here, with the check of the key before and the problems after that it has there.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute], keys: Mapping[str, str]) -> None:
        """`keys` as in `caller_of`; every endpoint of `routes` needs one."""
        self._app = app
        self._keys = keys
        self._routes = {
            (method, route.path): route
            for route in routes
            if isinstance(route, APIRoute) and _asks_for_nothing_else(route)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = None
        if scope["type"] == "http":
            route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive, send)
        try:
            request.state.caller = caller_of(request.headers, self._keys)
            answer = await route.endpoint(request)
        except FinloopError as error:
            answer = said(error)
        await answer(scope, receive, send)


def _asks_for_nothing_else(route: APIRoute) -> bool:
    """Whether the endpoint is called with the request and makes its whole answer itself."""
    return get_type_hints(route.endpoint) == {"request": Request, "return": Response}
