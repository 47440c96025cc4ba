"""A commitment binds every value, its kind and its place; without the salt it tells nothing."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.common.ledger.chain import GENESIS, SALT_BYTES, Value, commit, follow

SALT = bytes(range(SALT_BYTES))
VALUES = st.lists(st.none() | st.text() | st.floats(allow_nan=False) | st.integers(), max_size=5)


def test_the_formula_is_the_one_that_is_written_down() -> None:
    said = SALT + "decisions 7s2:가1f3:0.5i2:-3n0:".encode()
    assert commit(SALT, "decisions", 7, ["가1", 0.5, -3, None]) == sha256(said).digest()
    assert follow(GENESIS, b"x" * 32) == sha256(bytes(32) + b"x" * 32).digest()


@given(VALUES, VALUES)
def test_other_values_make_another_commitment(one: list[Value], other: list[Value]) -> None:
    same = [(type(value), repr(value)) for value in one] == [
        (type(value), repr(value)) for value in other
    ]
    assert (commit(SALT, "t", 1, one) == commit(SALT, "t", 1, other)) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        (["as1:b"], ["a", "b"]),
        ([None], [""]),
        ([1], [1.0]),
        (["1"], [1]),
        ([], [None]),
    ],
)
def test_values_cannot_flow_into_each_other(one: list[Value], other: list[Value]) -> None:
    assert commit(SALT, "t", 1, one) != commit(SALT, "t", 1, other)


def test_place_table_and_salt_are_bound() -> None:
    made = {
        commit(SALT, "t", 1, ["a"]),
        commit(SALT, "t", 2, ["a"]),
        commit(SALT, "u", 1, ["a"]),
        commit(bytes(SALT_BYTES), "t", 1, ["a"]),
    }
    assert len(made) == 4
