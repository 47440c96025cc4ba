"""Count and time requests by endpoint template, so that ids never become label values."""

from __future__ import annotations

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.common.metrics import metrics


class Counting:
    """ASGI middleware over the endpoints of an app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            endpoint = getattr(scope.get("route"), "path", "") or "unknown"
            metrics().requests.labels(scope["method"], endpoint, str(status)).inc()
            metrics().seconds.labels(scope["method"], endpoint).observe(perf_counter() - started)
