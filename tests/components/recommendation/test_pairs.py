"""Who chose what: sorted, counted once, and never told of what came later."""

from __future__ import annotations

import numpy as np
import pytest

from components.recommendation.pairs import NOBODY, Pairs, fade


@pytest.fixture
def pairs() -> Pairs:
    """Customer 0 chose 3, 1, 3 again and 2; customer 2 chose 0; customer 1 nothing."""
    return Pairs.of(
        [2, 0, 0, 0, 0], [0, 3, 1, 2, 3], users=3, items=5, day=[9.0, 1.0, 2.0, 4.0, 3.0]
    )


def test_pairs_are_sorted_by_customer_and_first_day(pairs: Pairs) -> None:
    assert pairs.user.tolist() == [0, 0, 0, 2]
    assert pairs.item.tolist() == [3, 1, 2, 0]
    assert pairs.day.tolist() == [0.0, 1.0, 3.0, 8.0]
    assert pairs.start.tolist() == [0, 3, 3, 4]


def test_what_comes_again_counts_more(pairs: Pairs) -> None:
    assert pairs.weight == pytest.approx(np.log1p([2, 1, 1, 1]))
    given = Pairs.of([0, 0], [1, 1], users=1, items=2, weight=[0.5, 2.0])
    assert given.weight.tolist() == [2.5]


def test_popularity_counts_customers_not_payments(pairs: Pairs) -> None:
    assert pairs.popularity.tolist() == [1, 1, 1, 1, 0]


def test_a_history_begins_with_the_newest_and_is_filled_up_with_nobody(pairs: Pairs) -> None:
    told = pairs.histories([0, 1, 2], 4, None)
    assert told.item.tolist() == [[2, 1, 3, NOBODY], [NOBODY] * 4, [0, NOBODY, NOBODY, NOBODY]]
    assert (told.weight[told.item == NOBODY] == 0).all()
    assert pairs.histories([0], 2, None).item.tolist() == [[2, 1]]


def test_age_halves_what_a_choice_says(pairs: Pairs) -> None:
    told = pairs.histories([0], 3, half_life=2.0)
    assert told.weight[0] == pytest.approx(pairs.weight[[2, 1, 0]] * [1, 0.5, 0.5**1.5])
    assert fade(np.array([-3.0]), 2.0) == pytest.approx([1.0])


def test_the_last_pair_is_the_newest_of_each_customer_who_has_others(pairs: Pairs) -> None:
    assert pairs.last().tolist() == [False, False, True, False]


def test_a_tie_in_time_is_decided_by_the_order_of_the_file() -> None:
    told = Pairs.of([0, 0, 0], [4, 1, 2], users=1, items=5, day=[1.0, 1.0, 1.0])
    assert told.item[told.last()].tolist() == [2]


def test_without_an_order_the_last_pair_does_not_depend_on_that_of_the_rows() -> None:
    user, item = np.repeat(np.arange(30), 8), np.tile(np.arange(8), 30)
    mixed = np.random.default_rng(3).permutation(len(user))
    told = Pairs.of(user, item, users=30, items=8)
    other = Pairs.of(user[mixed], item[mixed], users=30, items=8)
    assert not told.ordered
    assert told.last().sum() == other.last().sum() == 30
    assert len(set(told.item[told.last()].tolist())) > 3
    assert (told.item[told.last()] == other.item[other.last()]).all()


def test_pairs_can_be_none() -> None:
    told = Pairs.of([], [], users=2, items=2, day=[])
    assert len(told) == 0
    assert not told.last().any()
    assert told.histories([0, 1], 2, 60.0).item.tolist() == [[NOBODY] * 2] * 2
