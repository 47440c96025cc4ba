"""Windows over arrays, against plain loops over lists."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.common import series

SMALL = st.integers(0, 40)
NUMBERS = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60)
FLAGS = st.lists(st.booleans(), max_size=40)


def windows(length: int, seed: int, most: int) -> np.ndarray:
    """How many rows before each row count, at random."""
    draw = np.random.default_rng(seed)
    return np.minimum(draw.integers(0, most + 1, length), np.arange(length))


@given(st.lists(st.integers(0, 2**31 - 1) | SMALL, max_size=80))
def test_grouped_rows_keep_their_order(numbers: list[int]) -> None:
    order = series.grouped(np.array(numbers, dtype=np.int32))
    assert order.tolist() == sorted(range(len(numbers)), key=lambda row: numbers[row])


@given(st.lists(SMALL, min_size=1, max_size=80))
def test_a_group_has_a_first_row_and_an_offset(numbers: list[int]) -> None:
    groups = np.array(sorted(numbers))
    assert series.firsts(groups).tolist() == [groups.tolist().index(group) for group in groups]
    starts = series.offsets(groups, 41)
    assert [groups[a:b].tolist() for a, b in pairwise(starts)] == [
        [group] * numbers.count(group) for group in range(41)
    ]


@given(NUMBERS, st.integers(0, 70))
def test_rows_see_what_is_above_them(numbers: list[int], rows: int) -> None:
    seen = series.before(np.array(numbers), rows)
    expected = [numbers[row - rows] if row >= rows else numbers[0] for row in range(len(numbers))]
    assert seen.tolist() == expected


def test_a_running_total_is_exact_beyond_its_own_range() -> None:
    total = series.running(np.full(5, 2**62))
    assert total[5] - total[4] == 2**62
    assert series.running(np.array([True, False, True])).tolist() == [0, 1, 1, 2]


@given(FLAGS)
def test_the_nearest_flag_on_either_side(flags: list[bool]) -> None:
    last, following = (
        f(np.array(flags, dtype=bool)) for f in (series.last_where, series.next_where)
    )
    for end in range(len(flags) + 1):
        assert last[end] == max((row for row in range(end) if flags[row]), default=-1)
        rows = (row for row in range(end, len(flags)) if flags[row])
        assert following[end] == min(rows, default=len(flags))


@given(NUMBERS, st.integers(0, 2**32), st.integers(1, 64))
def test_the_largest_of_each_window(numbers: list[int], seed: int, most: int) -> None:
    values, count = np.array(numbers, dtype=float), windows(len(numbers), seed, most)
    rows = np.arange(len(numbers))
    (found,) = series.largest(values, [(rows - count, rows)])
    for row, top in zip(rows, found, strict=True):
        past = numbers[row - count[row] : row]
        assert top == max(past) if past else math.isnan(top)


@given(NUMBERS, st.integers(0, 2**32), st.integers(1, 64))
def test_the_spread_of_each_window(numbers: list[int], seed: int, most: int) -> None:
    values, count = np.array(numbers, dtype=float), windows(len(numbers), seed, most)
    middle = np.roll(values, 1)
    found = series.spread(values, middle, count, most)
    for row in range(len(numbers)):
        past = values[row - count[row] : row]
        assert found[row] == pytest.approx(sum((past - middle[row]) ** 2))


@given(st.integers(1, 10**13), st.integers(2, 64))
def test_values_all_alike_have_no_spread_at_all(value: int, count: int) -> None:
    alike = np.full(80, float(value))
    full = np.minimum(np.arange(80), count)
    assert not series.spread(alike, alike, full, count).any()


@given(NUMBERS, st.integers(0, 2**32), st.integers(1, 64))
def test_the_median_of_each_window(numbers: list[int], seed: int, most: int) -> None:
    count = windows(len(numbers), seed, most)
    found = series.medians(np.array(numbers, dtype=float), count, most)
    for row in range(len(numbers)):
        past = numbers[row - count[row] : row]
        assert found[row] == statistics.median(past) if past else math.isnan(found[row])


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 100))
def test_pieces_hold_every_group_once(sizes: list[int], rows: int) -> None:
    pieces = list(series.pieces(np.array(sizes, dtype=np.int64), rows))
    assert [n for first, end in pieces for n in range(first, end)] == list(range(len(sizes)))
    assert all(sum(sizes[first:end]) <= rows + 2 * 50 for first, end in pieces)


def test_strips_do_not_show() -> None:
    """Longer than a strip, and a window across its edge."""
    values = np.random.default_rng(1).normal(size=2 * series.STRIP + 7)
    count = np.minimum(np.arange(len(values)), 5)
    found = series.spread(values, np.zeros(len(values)), count, 5)
    edge = series.STRIP + 2
    assert found[edge] == pytest.approx((values[edge - 5 : edge] ** 2).sum())
    assert series.medians(values, count, 5)[edge] == np.median(values[edge - 5 : edge])
