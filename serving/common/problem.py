"""How a service says no: problem+json (RFC 9457) with a stable code and one sentence."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from components.common.errors import FinloopError

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("finloop.serving")


class Problem(BaseModel):
    """Why a request was not answered."""

    type: str = Field(description="Address of the kind of problem", examples=["about:blank"])
    title: str = Field(description="The HTTP status in words", examples=["Conflict"])
    status: int = Field(description="The HTTP status", examples=[409])
    code: str = Field(description="Stable name of the problem", examples=["already_decided"])
    detail: str = Field(description="One sentence that says what to do")


def problem(status: int, code: str, detail: str) -> Response:
    """The answer that carries one problem."""
    body = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
    )
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return Response(body.model_dump_json(), status, headers, MEDIA_TYPE)


def say_problems(app: FastAPI) -> None:
    """Make every failure of an app a problem."""
    app.add_exception_handler(FinloopError, _finloop_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(Exception, _unexpected)


def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The OpenAPI description of the problems that an endpoint may answer with."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
        }
        for status in statuses
    }


async def _finloop_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, FinloopError)  # noqa: S101 - what the handler is registered for
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s", error.message)
    return problem(error.http_status, error.code, error.message)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    where = f"{request.method} {request.url.path}"
    return problem(
        error.status_code, code, f"{where}: {error.detail}; see /docs for what there is."
    )


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem(422, "wrong_type", f"{where}: {first['msg']}.")


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("unexpected failure of %s", request.url.path, exc_info=error)
    return problem(
        500, "internal_error", "Something unexpected failed; it was logged, so report the time."
    )


def sentence(value: object) -> str:
    """A value as it is shown inside a sentence: short, and always on one line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:37] + "…"
