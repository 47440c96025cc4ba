"""What is trained is what is served: the margins of a training step, by the arrays alone."""

from __future__ import annotations

import numpy as np
import pytest

from components.recommendation.ncf import Ncf, NcfConfig
from components.recommendation.pairs import Pairs
from tests.components.recommendation.town import HALF_LIFE, SMALL, Town, make_town


@pytest.fixture(scope="module")
def town() -> Town:
    return make_town()


@pytest.fixture(scope="module")
def sure() -> NcfConfig:
    return SMALL.model_copy(
        update={"dropout": 0.0, "drop_user": 0.0, "drop_item": 0.0, "batch": 64, "history": 4}
    )


def test_margins_under_training_are_those_of_the_arrays(town: Town, sure: NcfConfig) -> None:
    import tensorflow as tf

    from components.recommendation.ncf_network import Network, _Draws

    network = Network(sure, town.pairs, town.content)
    network.epoch()
    at = np.flatnonzero(np.diff(town.pairs.user, prepend=-1) == 0)[:64].astype(np.int32)
    user, item = town.pairs.user[at], town.pairs.item[at]
    drawn = np.arange(64, dtype=np.int32).reshape(8, 8)
    draws = _Draws(0, tf.constant(1))
    tables = network._tables(draws)
    told = network._told(tables, tf.constant(at), tf.constant(user))
    right, wrong = network._margins(
        tables, draws, tf.constant(user), told, tf.constant(item), tf.constant(drawn)
    )
    model = Ncf(sure, (network.read(),))
    candidates = np.concatenate([item[:, None], np.repeat(drawn, 8, axis=0)], axis=1)
    for row, place in enumerate(at):
        start = town.pairs.start[user[row]]
        before = np.zeros(len(town.pairs), dtype=bool)
        before[start:place] = True
        known = town.pairs.take(before)
        history = known.histories([user[row]], 4, None)
        age = town.pairs.day[place] - known.day[::-1][:4]
        history.weight[0, : len(age)] *= np.exp2(-age / HALF_LIFE)
        expected = model.margins(history, candidates[[row]])[0]
        assert float(right[row]) == pytest.approx(expected[0], abs=1e-4)
        assert np.asarray(wrong[row]) == pytest.approx(expected[1:], abs=1e-4)


def test_nobody_is_compared_with_what_they_chose(town: Town, sure: NcfConfig) -> None:
    import tensorflow as tf

    from components.recommendation.ncf_network import Network

    network = Network(sure, town.pairs, None)
    users = np.array([0, 5], np.int32)
    every = np.tile(np.arange(town.pairs.items, dtype=np.int32), (2, 1))
    found = np.asarray(network._chosen(tf.constant(users), tf.constant(every)))
    for row, user in enumerate(users):
        mine = town.pairs.item[town.pairs.user == user]
        assert np.flatnonzero(found[row]).tolist() == sorted(mine.tolist())


def test_what_came_later_is_not_seen(town: Town, sure: NcfConfig) -> None:
    import tensorflow as tf

    from components.recommendation.ncf_network import Network

    pairs = town.pairs
    first = pairs.start[7]
    later = np.array(pairs.item)
    later[first + 5] = (later[first + 5] + 4) % pairs.items
    changed = Pairs(
        pairs.user, later, pairs.weight, pairs.day, pairs.users, pairs.items, pairs.ordered
    )
    at, user = tf.constant([first + 5, first + 6]), tf.constant([7, 7])
    told = []
    for one in (pairs, changed):
        network = Network(sure, one, None)
        told.append(np.asarray(network._told(network._tables(None), at, user)))
    assert (told[0][0] == told[1][0]).all()
    assert np.abs(told[0][1] - told[1][1]).max() > 0
