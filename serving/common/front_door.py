"""Our endpoints, ahead of what BentoML does to every request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_OURS = ("/v1/", "/metrics")
"""How the paths begin that BentoML has nothing to say about."""


class FrontDoor:
    """ASGI: requests for our endpoints go to `ours`, everything else to BentoML.

    BentoML traces each request, gives it a task and a timer of its own, and looks for its endpoint
    twice: more than a whole decision costs. Whatever of that is wanted (a limit of time, metrics)
    `ours` has itself. Start and end go through BentoML, where `ours` is mounted.
    """

    def __init__(self, ours: ASGIApp, bentoml: ASGIApp) -> None:
        self._ours = ours
        self._bentoml = bentoml

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        here = scope["type"] == "http" and scope["path"].startswith(_OURS)
        await (self._ours if here else self._bentoml)(scope, receive, send)
