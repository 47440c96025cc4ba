"""Callers are known by the SHA-256 of their key, in either header."""

from __future__ import annotations

import hashlib

import pytest

from components.common.errors import FinloopError
from serving.common.auth import caller_of

KEYS = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("shop", "bank")}


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "bank"},
        {"x-api-key": " bank "},
        {"authorization": "Bearer bank"},
        {"authorization": "bearer  bank"},
    ],
)
def test_a_known_key_names_its_caller(headers: dict[str, str]) -> None:
    assert caller_of(headers, KEYS) == "bank"


def test_a_digest_may_be_written_in_capitals() -> None:
    assert caller_of({"x-api-key": "bank"}, {"bank": KEYS["bank"].upper()}) == "bank"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "api_key_missing"),
        ({"x-api-key": ""}, "api_key_missing"),
        ({"authorization": "Basic bank"}, "api_key_missing"),
        ({"authorization": "Bearer"}, "api_key_missing"),
        ({"x-api-key": "thief"}, "api_key_wrong"),
        ({"x-api-key": KEYS["bank"]}, "api_key_wrong"),
        ({"x-api-key": "열쇠"}, "api_key_wrong"),
        ({"x-api-key": "thief", "authorization": "Bearer bank"}, "api_key_wrong"),
    ],
)
def test_anyone_else_is_turned_away(headers: dict[str, str], code: str) -> None:
    with pytest.raises(FinloopError) as raised:
        caller_of(headers, KEYS)
    assert (raised.value.code, raised.value.http_status) == (code, 401)


def test_without_any_key_nobody_is_let_in() -> None:
    with pytest.raises(FinloopError, match="not known"):
        caller_of({"x-api-key": "bank"}, {})
