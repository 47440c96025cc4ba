"""From a frame to numbers: only the training window is learnt from, and nobody is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from components.common.frame import read_frame
from components.common.training_data import CALIBRATION, SPLIT, TRAIN
from components.recommendation.catalogue import SEEN
from components.recommendation.interactions import read_merchants
from components.recommendation.learning import (
    describe,
    held_out_of,
    history_of_inputs,
    pairs_of,
)
from components.recommendation.pairs import NOBODY
from components.recommendation.people import People
from components.recommendation.training import Told
from tests.recommendation_company import Company


def test_pairs_are_those_of_the_training_window(shops: Company) -> None:
    told = Told(shops.frame)
    pairs = pairs_of(told.rows, told.catalogue, TRAIN)
    window = read_frame(shops.frame).rows
    window = window[window[SPLIT] == TRAIN].sort_values(["user_id", "first"])
    assert len(pairs) == len(window)
    assert pairs.users == window["user_id"].nunique()
    assert pairs.ordered
    ids = np.array(told.catalogue.ids)
    assert sorted(ids[pairs.item]) == sorted(window["merchant_id"])
    assert np.sort(pairs.weight) == pytest.approx(np.sort(np.log1p(window["count"])), rel=1e-5)


def test_later_choices_are_new_and_beside_merchants_never_paid_at(shops: Company) -> None:
    later = Told(shops.frame).people(CALIBRATION, TRAIN)
    held_out = held_out_of(later, seed=0)
    assert held_out is not None
    assert held_out.history.user is None
    assert len(held_out.items) == later.new.sum()
    who = np.nonzero(later.new)[0]
    for user, row in zip(who, held_out.items, strict=True):
        assert later.new[user, row[0]]
        assert not (later.new[user, row[1:]] | later.seen[user, row[1:]]).any()
        assert len(set(row)) == len(row)


def people(seen: np.ndarray, new: np.ndarray) -> People:
    inputs = np.full((len(seen), 2 * SEEN), np.nan)
    return People(tuple(map(str, range(len(seen)))), inputs, seen, new)


def test_nothing_is_held_out_where_nobody_chose_or_nothing_is_left() -> None:
    none = np.zeros((2, 3), dtype=bool)
    assert held_out_of(people(none, none), seed=0) is None
    assert held_out_of(people(~none, ~none), seed=0) is None
    assert held_out_of(people(none[:0], none[:0]), seed=0) is None


def test_a_history_is_what_the_inputs_say() -> None:
    inputs = np.full((1, 2 * SEEN), np.nan)
    inputs[0, [0, 1, SEEN]] = [7.0, 8.0, 0.5]  # the second one has no weight
    told = history_of_inputs(inputs)
    assert told.user is None
    assert told.item[0, :2].tolist() == [7, NOBODY]
    assert told.weight[0, :2].tolist() == [0.5, 0.0]


def test_content_is_scaled_and_null_is_the_mean(shops: Company) -> None:
    content = read_merchants(shops.frame)
    found = describe(content)
    kinds = content["category"].nunique()
    assert found.shape == (len(content), kinds + 6)
    assert ((found[:, :kinds] > 0).sum(axis=1) == 1).all()
    assert found[:, kinds:].mean(axis=0) == pytest.approx(0.0, abs=1e-5)
    assert found[:, kinds : kinds + 4].std(axis=0) == pytest.approx(1.0, abs=1e-4)
    nowhere = content["latitude"].isna().to_numpy()
    assert (found[nowhere, kinds + 4] == 0).all()
    assert found[~nowhere, kinds + 4].std() == pytest.approx(1.0, abs=1e-4)
    empty = content.assign(log_amount=np.nan)
    assert (describe(empty)[:, kinds] == 0).all()


def test_a_seldom_category_says_more() -> None:
    columns = {"log_amount": 1.0, "log_spread": 1.0, "users": 1, "payments": 1}
    columns |= {"latitude": 37.5, "longitude": 127.0}
    content = pd.DataFrame({"category": ["a", "a", "a", "b"]}).assign(**columns)
    found = describe(content)
    assert found[3, 1] == pytest.approx(1.0)
    assert 0 < found[0, 0] < 1
    assert describe(content.head(0)).shape[0] == 0
