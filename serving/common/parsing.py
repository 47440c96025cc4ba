"""From the bytes of a request to a checked value; what cannot be used is one clear sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from components.common.errors import FinloopError, in_words

LIMIT = 64 * 1024
"""Largest body in bytes."""
CLOCK_SKEW = timedelta(minutes=5)
"""How far the clock of a caller may run ahead of ours."""

Moment = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC))]
"""A moment with a time zone, within the range that every store can hold."""

Parsed = TypeVar("Parsed", bound=BaseModel)

_CODES = {
    "json_invalid": (400, "malformed_json"),
    "extra_forbidden": (422, "unknown_field"),
    "missing": (422, "missing_field"),
    "finite_number": (422, "not_a_number"),
    "string_too_short": (422, "wrong_length"),
    "string_too_long": (422, "wrong_length"),
    "too_short": (422, "wrong_length"),
    "greater_than": (422, "out_of_range"),
    "greater_than_equal": (422, "out_of_range"),
    "less_than_equal": (422, "out_of_range"),
    "less_than": (422, "out_of_range"),
    "timezone_aware": (422, "timestamp_without_zone"),
}
_OTHERWISE = (422, "wrong_type")


async def read_body(request: Request, limit: int = LIMIT) -> bytes:
    """The body; 413 as soon as it is known to be larger than `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def parse(kind: type[Parsed], body: bytes) -> Parsed:
    """The checked value of a JSON body; raises a 400 or 422 `FinloopError` on the first mistake."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _mistake(error.errors(include_url=False)[0]) from None


def parse_query(kind: type[Parsed], given: Mapping[str, str]) -> Parsed:
    """The checked value of the parameters of an address, which are all text.

    Raises a 422 `FinloopError` on the first mistake.
    """
    try:
        return kind.model_validate_strings(dict(given))
    except ValidationError as error:
        raise _mistake(error.errors(include_url=False)[0]) from None


def not_in_future(name: str, moment: datetime, now: datetime) -> None:
    """Refuse a moment that has not come yet, clocks allowed for."""
    if moment > now + CLOCK_SKEW:
        raise FinloopError(
            "timestamp_in_future",
            f"{name} {moment.isoformat()} lies in the future; send when it happened.",
            http_status=422,
        )


def _mistake(first: Any) -> FinloopError:
    status, code = _CODES.get(first["type"], _OTHERWISE)
    where = ".".join(str(part) for part in first["loc"]) or "The body"
    return FinloopError(code, _sentence(where, str(first["msg"])), http_status=status)


def _sentence(where: str, said: str) -> str:
    if said.startswith("Invalid JSON: "):
        return f"The body is no JSON ({said.removeprefix('Invalid JSON: ')}); send a JSON object."
    words = in_words(said)
    if words.startswith("it must "):
        return f"{where} {words.removeprefix('it ')}."
    return f"{where}: {words}."


def _too_large(limit: int) -> FinloopError:
    return FinloopError(
        "body_too_large",
        f"The body is larger than {limit // 1024} KB; send less at once.",
        http_status=413,
    )
