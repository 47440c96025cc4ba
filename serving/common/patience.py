"""Answer in time: a request that waits too long is told so in our own words."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.common.problem import problem

ANSWER_SECONDS = 25.0
"""How long a caller waits at most; BentoML's own limit, which is no problem+json, comes later."""


class Patience:
    """ASGI middleware over the endpoints of an app."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                await self._app(scope, receive, watch)
        except TimeoutError:
            if begun or not limit.expired():
                raise
            await self._too_late()(scope, receive, send)

    def _too_late(self) -> ASGIApp:
        return problem(
            HTTPStatus.GATEWAY_TIMEOUT,
            "timed_out",
            f"There was no answer within {self._seconds:g} seconds; send the same request again: "
            "what was written down meanwhile is answered, and nothing is done twice.",
        )
