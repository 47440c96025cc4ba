"""What cannot be used is refused with a stable code and one sentence, before anything happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from components.common.errors import FinloopError
from serving.common.parsing import CLOCK_SKEW, LIMIT, not_in_future, parse, read_body

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: str
    amount: float = Field(ge=0, le=10)
    when: AwareDatetime = NOW


def test_a_good_body_is_a_value() -> None:
    parsed = parse(Thing, b'{"name": "a", "amount": 1, "when": "2026-03-01T09:00:00+09:00"}')
    assert parsed == Thing(name="a", amount=1.0, when=NOW)


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (b"", 400, "malformed_json", "no JSON"),
        (b'{"name": "a", ', 400, "malformed_json", "no JSON"),
        (b"\xff\xfe", 400, "malformed_json", "no JSON"),
        (b"[]", 422, "wrong_type", "object"),
        (b'{"amount": 1}', 422, "missing_field", "name: this field is required"),
        (b'{"name": "a", "amount": 1, "x": 2}', 422, "unknown_field", "x: this field"),
        (b'{"name": 7, "amount": 1}', 422, "wrong_type", "name must be "),
        (b'{"name": "a", "amount": "1"}', 422, "wrong_type", "amount must be "),
        (b'{"name": "a", "amount": true}', 422, "wrong_type", "amount must be "),
        (b'{"name": "a", "amount": null}', 422, "wrong_type", "amount must be "),
        (b'{"name": "a", "amount": NaN}', 422, "not_a_number", "amount must be "),
        (b'{"name": "a", "amount": -Infinity}', 422, "not_a_number", "amount must be "),
        (b'{"name": "a", "amount": 1e999}', 422, "not_a_number", "amount must be "),
        (b'{"name": "a", "amount": -1}', 422, "out_of_range", "amount must be "),
        (b'{"name": "a", "amount": 11}', 422, "out_of_range", "amount must be "),
        (b'{"name": "a", "amount": 1, "when": "soon"}', 422, "wrong_type", "when must be "),
        (
            b'{"name": "a", "amount": 1, "when": "2026-03-01T09:00:00"}',
            422,
            "timestamp_without_zone",
            "when must have a time zone",
        ),
    ],
)
def test_a_bad_body_is_one_sentence(body: bytes, status: int, code: str, words: str) -> None:
    with pytest.raises(FinloopError) as raised:
        parse(Thing, body)
    assert (raised.value.http_status, raised.value.code) == (status, code)
    assert words in raised.value.message
    assert raised.value.message.endswith(".")
    assert "\n" not in raised.value.message


def request(chunks: list[bytes], headers: Mapping[str, str]) -> tuple[Request, list[bytes]]:
    """A request and the chunks of it that were not read yet."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    return Request({"type": "http", "method": "POST", "headers": raw}, receive), chunks


def test_a_body_is_read_whole() -> None:
    asked, _ = request([b"ab", b"", b"c"], {})
    assert asyncio.run(read_body(asked)) == b"abc"


def test_a_body_that_says_it_is_too_large_is_not_read_at_all() -> None:
    asked, left = request([b"x"], {"content-length": str(10 * 1024 * 1024)})
    with pytest.raises(FinloopError, match="larger than 64 KB") as raised:
        asyncio.run(read_body(asked))
    assert (raised.value.http_status, raised.value.code) == (413, "body_too_large")
    assert left == [b"x"]


def test_a_body_that_hides_its_size_is_read_no_further_than_the_limit() -> None:
    asked, left = request([b"x" * 1024] * 1000, {})
    with pytest.raises(FinloopError, match="64 KB"):
        asyncio.run(read_body(asked))
    assert len(left) == 1000 - LIMIT // 1024 - 1


def test_a_clock_may_run_ahead_a_little_and_no_more() -> None:
    not_in_future("event_timestamp", NOW + CLOCK_SKEW, NOW)
    with pytest.raises(FinloopError, match="lies in the future") as raised:
        not_in_future("event_timestamp", NOW + CLOCK_SKEW + timedelta(seconds=1), NOW)
    assert (raised.value.http_status, raised.value.code) == (422, "timestamp_in_future")
