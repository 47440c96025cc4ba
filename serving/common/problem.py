"""How a service says no: problem+json (RFC 9457) with a stable code and one sentence."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from components.common.errors import FinloopError, in_words

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("finloop.serving")
_EXAMPLES = {
    400: ("malformed_json", "The body is no JSON (EOF while parsing …); send a JSON object."),
    401: ("api_key_wrong", "This API key is not known here; ask for one."),
    404: ("unknown_subject", 'Nothing was decided on "T-1", so no outcome was taken.'),
    409: ("already_decided", "This id was decided with other content; send a new id, or …"),
    413: ("body_too_large", "The body is larger than 64 KB; send less at once."),
    422: ("out_of_range", "amount must be greater than or equal to 0."),
    500: ("internal_error", "Something unexpected failed; it was logged, so report the time."),
    503: ("ledger_unavailable", "The ledger cannot be used (…), so nothing was written; …"),
    504: ("timed_out", "There was no answer within 25 seconds; send the same request again: …"),
}
"""Status → a code and a sentence of it, for the page of the endpoints."""


class Problem(BaseModel):
    """Why a request was not answered."""

    type: str = Field(description="Address of the kind of problem")
    title: str = Field(description="The HTTP status in words")
    status: int = Field(description="The HTTP status")
    code: str = Field(description="Stable name of the problem")
    detail: str = Field(description="One sentence that says what to do")


def problem(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer that carries one problem."""
    body = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
    )
    if status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    return Response(body.model_dump_json(), status, headers, MEDIA_TYPE)


def say_problems(app: FastAPI) -> None:
    """Make every failure of an app a problem."""
    app.add_exception_handler(FinloopError, _finloop_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(Exception, _unexpected)


def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The OpenAPI description of the problems that an endpoint may answer with."""
    known = {status: _described(HTTPStatus(status)) for status in statuses}
    unexpected = _described(HTTPStatus.INTERNAL_SERVER_ERROR)
    return {**known, "default": {**unexpected, "description": "Any other problem"}}


def _described(status: HTTPStatus) -> dict[str, object]:
    code, detail = _EXAMPLES[status]
    example = Problem(
        type="about:blank", title=status.phrase, status=status, code=code, detail=detail
    )
    content = {"schema": Problem.model_json_schema(), "example": example.model_dump(mode="json")}
    return {"description": status.phrase, "content": {MEDIA_TYPE: content}}


async def _finloop_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, FinloopError)  # noqa: S101 - what the handler is registered for
    return said(error)


def said(error: FinloopError) -> Response:
    """The answer that an error of ours becomes."""
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s", error.message)
    return problem(error.http_status, error.code, error.message)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    where, headers = request.url.path, error.headers
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            code, said = "not_found", f"There is nothing at {where}"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (headers or {}).get("Allow", "other methods")
            code, said = "method_not_allowed", f"{where} takes {allowed}, not {request.method}"
        case status:
            code, said = f"http_{status}", f"{request.method} {where}: {error.detail}"
    return problem(error.status_code, code, f"{said}; see /docs for what there is.", headers)


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem(422, "wrong_type", f"{where}: {in_words(first['msg'])}.")


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("unexpected failure of %s", request.url.path, exc_info=error)
    return problem(
        500, "internal_error", "Something unexpected failed; it was logged, so report the time."
    )


def sentence(value: object) -> str:
    """A value as it is shown inside a sentence: short, and always on one line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:37] + "…"
