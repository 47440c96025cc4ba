"""Sequences: who came before whom, and the same values flat and gathered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.common.lags import (
    ABSENT,
    Sequences,
    flatten,
    lag_name,
    lag_names,
    parse_lag,
    previous,
)


def test_names_go_from_the_event_itself_back_in_time() -> None:
    assert lag_names(("a", "b"), 1) == ("a", "b", "a_lag_1", "b_lag_1")
    assert parse_lag("amount_last_7d_lag_10") == ("amount_last_7d", 10)
    assert parse_lag("amount_lag") == ("amount_lag", 0)


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 5))
def test_previous_are_the_rows_before_of_the_same_entity(entities: list[int], lags: int) -> None:
    found = previous(np.array(entities, dtype=np.int64), lags)
    for row, entity in enumerate(entities):
        before = [at for at in range(row) if entities[at] == entity][::-1][:lags]
        assert found[row].tolist() == before + [ABSENT] * (lags - len(before))


def test_flat_rows_and_gathered_rows_are_the_same() -> None:
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    index = np.array([[3, 1, 0], [0, ABSENT, ABSENT]], dtype=np.int32)
    flat = Sequences(values, index).flat()
    nan = np.nan
    np.testing.assert_array_equal(flat, [[6, 7, 2, 3, 0, 1], [0, 1, nan, nan, nan, nan]])
    np.testing.assert_array_equal(Sequences.of_flat(flat, 2).flat(), flat)


@pytest.mark.parametrize("shared", [True, False])
def test_joined_sequences_stay_what_they_were(shared: bool) -> None:
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    one = Sequences(values, np.array([[1, 0]], dtype=np.int32))
    other = Sequences(values if shared else values + 10, np.array([[2, ABSENT]], dtype=np.int32))
    joined = Sequences.joined([one, other])
    np.testing.assert_array_equal(joined.flat(), np.concatenate([one.flat(), other.flat()]))
    assert (joined.values is values) is shared


def test_a_past_is_named_newest_first() -> None:
    named = flatten({"amount": [5.0, None], "hour": [3.0, 2.0]})
    assert named == {
        lag_name("amount", 1): 5.0,
        lag_name("amount", 2): None,
        lag_name("hour", 1): 3.0,
        lag_name("hour", 2): 2.0,
    }
