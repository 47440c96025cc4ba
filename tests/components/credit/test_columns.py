"""Any table becomes numbers: what names a row is left out, what is new says nothing."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from components.common.errors import FinloopError
from components.credit.columns import Columns, ColumnsConfig

ROWS = 400
RANDOM = np.random.default_rng(0)
BAD = (RANDOM.random(ROWS) < 0.3).astype(float)


def learnt(frame: pd.DataFrame, **config: object) -> Columns:
    return Columns.learn(frame, BAD, ColumnsConfig.model_validate(config))


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"amount": RANDOM.normal(size=ROWS), **columns})


@pytest.mark.parametrize(
    "column",
    [
        np.arange(ROWS),
        RANDOM.permutation(ROWS) + 7,
        [f"customer-{row}" for row in range(ROWS)],
        [1] * ROWS,
        ["same"] * ROWS,
        [None] * ROWS,
        [np.nan] * ROWS,
    ],
    ids=["counted", "shuffled", "named", "constant", "same", "none", "nan"],
)
def test_what_says_nothing_of_the_next_row_is_left_out(column: object) -> None:
    assert learnt(table(other=column)).names == ("amount",)


def test_one_value_or_none_says_something() -> None:
    known = np.where(BAD > 0, np.nan, 1.0)
    columns = learnt(table(told=known, word=[None if one else "told" for one in BAD]))
    assert columns.names == ("amount", "told", "word")


def test_protected_columns_are_left_out_and_amounts_that_differ_are_not() -> None:
    frame = table(sex=["f", "m"] * (ROWS // 2), balance=RANDOM.permutation(10**6)[:ROWS])
    assert learnt(frame, protected=("sex",)).names == ("amount", "balance")


def test_nothing_left_is_one_clear_sentence() -> None:
    with pytest.raises(FinloopError, match="No column is left") as refusal:
        learnt(pd.DataFrame({"a": [1] * ROWS}))
    assert refusal.value.code == "no_inputs"


def test_categories_stand_in_the_order_of_their_risk_and_a_new_one_in_the_middle() -> None:
    words = np.where(BAD > 0, "trip", "home").astype(object)
    words[::10] = "car"
    columns = learnt(pd.DataFrame({"purpose": words}))
    asked = pd.DataFrame({"purpose": ["home", "car", "trip", "boat", None]})
    home, car, trip, new, null = columns.encode(asked)[:, 0]
    assert home < car < trip and home < new < trip
    assert np.isnan(null)
    assert new not in (home, car, trip)


def test_a_category_of_few_rows_is_as_good_as_new() -> None:
    words = np.array(["often", "too"] * (ROWS // 2), dtype=object)
    words[:3] = "seldom"
    columns = learnt(pd.DataFrame({"word": words}))
    said = columns.encode(pd.DataFrame({"word": ["seldom", "never"]}))[:, 0]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False], [1.0, 0.0]),
        (pd.to_datetime(["1970-01-02", "1970-01-11"]), [1.0, 10.0]),
        (pd.to_datetime(["1970-01-02", "1970-01-11"], utc=True), [1.0, 10.0]),
        (["1970-01-02", "1970-01-11"], [1.0, 10.0]),
        ([date(1970, 1, 2), date(1970, 1, 11)], [1.0, 10.0]),
        (["12", "3.5"], [12.0, 3.5]),
        ([np.inf, 2.0], [np.nan, 2.0]),
        (pd.array([4, 6], dtype="Int64"), [4.0, 6.0]),
        (pd.Categorical(["7", "8"]), [7.0, 8.0]),
    ],
    ids=["truth", "moment", "zoned", "iso", "date", "digits", "infinite", "nullable", "coded"],
)
def test_numbers_truths_and_moments(values: object, expected: list[float]) -> None:
    frame = pd.DataFrame({"one": values})
    many = pd.concat([frame] * (ROWS // 2), ignore_index=True)
    found = learnt(many.assign(other=RANDOM.normal(size=ROWS)))
    np.testing.assert_array_equal(found.encode(frame.assign(other=0))[:, 0], expected)


def test_truths_with_a_hole_are_three_cases() -> None:
    answers = np.array([True, False, None, True] * (ROWS // 4), dtype=object)
    found = learnt(table(owner=answers)).encode(table(owner=answers))[:, 1]
    assert len({*found[~np.isnan(found)]}) == 2
    assert np.isnan(found).sum() == ROWS // 4


def test_a_missing_input_is_one_clear_sentence() -> None:
    with pytest.raises(FinloopError, match="lacks these inputs: other"):
        learnt(table(other=RANDOM.normal(size=ROWS))).encode(table())
