"""Ranks among what was never chosen: ties count against, and nothing chosen is a negative."""

from __future__ import annotations

import numpy as np
import pytest

from components.recommendation.leave_one_out import (
    hit,
    hold_out,
    interval,
    ndcg,
    never_chosen,
    ranks,
)
from components.recommendation.pairs import NOBODY, Pairs


def test_a_tie_and_a_score_that_is_none_count_against_the_choice() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 0.0], [0.0, 1.0, 2.0], [np.nan, 0.0, 0.0]])
    assert ranks(scores).tolist() == [1, 2, 3, 3]


def test_gains_are_those_of_the_paper() -> None:
    rank = np.array([1, 2, 10, 11])
    assert hit(rank).tolist() == [1.0, 1.0, 1.0, 0.0]
    assert ndcg(rank) == pytest.approx([1.0, np.log(2) / np.log(3), np.log(2) / np.log(11), 0.0])


def test_the_interval_holds_the_mean_and_narrows_with_more_customers() -> None:
    draw = np.random.default_rng(0)
    few, many = draw.random(50), draw.random(5000)
    low, high = interval(few)
    assert low < few.mean() < high
    other_low, other_high = interval(many)
    assert other_high - other_low < (high - low) / 5


@pytest.mark.parametrize("items", [40, 2000])
def test_negatives_are_different_and_never_chosen(items: int) -> None:
    draw = np.random.default_rng(0)
    pairs = Pairs.of(draw.integers(0, 9, 90), draw.integers(0, items, 90), users=9, items=items)
    found = never_chosen(pairs, np.arange(9, dtype=np.int32), 99, draw)
    assert found.shape[1] == (99 if items == 2000 else 40 - int(np.diff(pairs.start).max()))
    for user, row in enumerate(found):
        chosen = pairs.item[pairs.start[user] : pairs.start[user + 1]]
        assert len(set(row.tolist())) == len(row)
        assert not set(row.tolist()) & set(chosen.tolist())


def test_what_is_held_out_is_not_learnt_from() -> None:
    draw = np.random.default_rng(1)
    user, item = np.repeat(np.arange(20), 12), draw.integers(0, 500, 240)
    pairs = Pairs.of(user, item, users=20, items=500, day=np.arange(240.0))
    known, held_out = hold_out(pairs, 10, None)
    assert len(known) == len(pairs) - 20
    for row, user in enumerate(held_out.users):
        later = int(held_out.items[row, 0])
        mine = known.item[known.user == user].tolist()
        assert later not in mine
        assert later not in held_out.history.item[row]
        assert not set(held_out.items[row, 1:].tolist()) & {*mine, later}


def test_a_customer_with_one_pair_keeps_it() -> None:
    pairs = Pairs.of([0, 1, 1], [0, 1, 2], users=2, items=200, day=[0.0, 0.0, 1.0])
    known, held_out = hold_out(pairs, 3, None)
    assert known.item.tolist() == [0, 1]
    assert held_out.users.tolist() == [1]
    assert held_out.history.item.tolist() == [[1, NOBODY, NOBODY]]
