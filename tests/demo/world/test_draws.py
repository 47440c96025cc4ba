"""Drawing in bulk draws what it says."""

from __future__ import annotations

import numpy as np

from demo.world.draws import choose, cumulate, expand, habitual, scrambled, stream


def test_rows_choose_with_their_own_weights() -> None:
    weights = cumulate(np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 0.0]]))
    row = np.repeat([0, 1], 40_000)
    found = choose(weights, row, stream(1, "test").random(len(row)))
    shares = np.bincount(found[:40_000], minlength=3) / 40_000
    assert np.allclose(shares, [0.25, 0.0, 0.75], atol=0.01)
    assert (found[40_000:] == 1).all()


def test_the_ends_of_the_unit_interval_stay_in_the_row() -> None:
    weights = cumulate(np.ones((3, 4)))
    ends = np.array([0.0, np.nextafter(1.0, 0.0)])
    assert choose(weights, np.array([2, 2]), ends).tolist() == [0, 3]


def test_streams_are_named_and_seeded() -> None:
    assert stream(1, "a").random() == stream(1, "a").random()
    assert len({stream(seed, name).random() for seed in (1, 2) for name in "ab"}) == 4


def test_habits_stay_and_are_uniform() -> None:
    keys = np.arange(20_000)
    habits = habitual(1, keys, keys % 7)
    assert np.array_equal(habits, habitual(1, keys, keys % 7))
    assert not np.array_equal(habits, habitual(2, keys, keys % 7))
    assert np.allclose(np.histogram(habits, 10, (0, 1))[0] / 2_000, 1, atol=0.1)
    assert abs(np.corrcoef(habits[1:], habits[:-1])[0, 1]) < 0.03


def test_scrambled_numbers_do_not_collide() -> None:
    assert len(np.unique(scrambled(3, np.arange(200_000)))) == 200_000


def test_expand_counts_within_each_element() -> None:
    element, place = expand(np.array([2, 0, 3]))
    assert element.tolist() == [0, 0, 2, 2, 2]
    assert place.tolist() == [0, 1, 0, 1, 2]
