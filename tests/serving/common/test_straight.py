"""Endpoints that read their request whole are reached without FastAPI, and answer the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from components.common.errors import bad_input
from serving.common.front_door import FrontDoor
from serving.common.straight import Straight

KEYS = {"me": "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"}
"""SHA-256 of `key`."""
Sent = list[dict[str, Any]]


class Said(BaseModel):
    word: str


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.post("/whole")
    async def whole(request: Request) -> Response:
        return Response(request.state.caller.encode() + await request.body())

    @router.post("/refusing")
    async def refusing(request: Request) -> Response:
        raise bad_input("no_such_thing", "There is no such thing; send another.")

    @router.post("/shown")
    async def shown(request: Request) -> Said:
        return Said(word="FastAPI writes this one")

    return router


async def left_alone(scope: Any, receive: Any, send: Any) -> None:
    await Response(b"left alone", 418)(scope, receive, send)


def ask(
    app: Callable[..., Awaitable[None]], path: str, key: str = "key", method: str = "POST"
) -> tuple[int, bytes, dict[str, Any]]:
    """(status, body, scope) of one request."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"x-api-key", key.encode())],
    }
    sent: Sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b" said this", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return sent[0]["status"], sent[1]["body"], scope


def straight() -> Straight:
    return Straight(left_alone, routes().routes, KEYS)


def test_an_endpoint_is_called_with_its_request_and_who_asks() -> None:
    status, body, scope = ask(straight(), "/v1/whole")
    assert (status, body) == (200, b"me said this")
    assert scope["route"].path == "/v1/whole", "what the metrics count it under"


def test_nobody_gets_there_without_a_key() -> None:
    status, body, _ = ask(straight(), "/v1/whole", key="wrong")
    assert (status, json.loads(body)["code"]) == (401, "api_key_wrong")


def test_what_an_endpoint_refuses_is_a_problem() -> None:
    status, body, _ = ask(straight(), "/v1/refusing")
    assert (status, json.loads(body)["code"]) == (400, "no_such_thing")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/whole"), ("POST", "/v1/shown"), ("POST", "/v1/whole/")]
)
def test_everything_else_is_left_to_the_app(method: str, path: str) -> None:
    assert ask(straight(), path, method=method)[:2] == (418, b"left alone")


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("/v1/fraud/decisions", False),
        ("/metrics", False),
        ("/readyz", True),
        ("/static_content/swagger-ui.css", True),
    ],
)
def test_the_front_door_leads_to_our_endpoints_or_to_bentoml(path: str, theirs: bool) -> None:
    async def ours(scope: Any, receive: Any, send: Any) -> None:
        await Response(b"ours")(scope, receive, send)

    assert ask(FrontDoor(ours, left_alone), path)[0] == (418 if theirs else 200)
