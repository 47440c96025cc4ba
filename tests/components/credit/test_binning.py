"""Bins follow the risk: in order where that is demanded, apart where a value is a code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from components.credit.binning import BinningConfig, average, learn_steps, special_codes

Column = npt.NDArray[np.float32]
CONFIG = BinningConfig()
NAN = float("nan")


def column(*values: float) -> Column:
    return np.array(values, dtype=np.float32)


def drawn(risk: npt.NDArray[np.floating], seed: int = 0) -> npt.NDArray[np.float64]:
    return (np.random.default_rng(seed).random(len(risk)) < risk).astype(np.float64)


@pytest.fixture(scope="module")
def values() -> Column:
    return np.random.default_rng(1).uniform(0, 10, 6000).astype(np.float32)


def test_the_weight_of_evidence_is_the_logarithm_of_a_ratio_of_odds() -> None:
    values, bad = (
        column(*[0] * 60, *[1] * 40),
        np.array([1.0] * 20 + [0] * 40 + [1] * 30 + [0] * 10),
    )
    steps = learn_steps(values, bad, BinningConfig(prior=0))
    np.testing.assert_allclose(
        steps.apply(column(0, 1)), [np.log(20 / 40), np.log(30 / 10)], atol=1e-3
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_a_demanded_order_holds_whatever_the_rows_say(values: Column, sign: int) -> None:
    bad = drawn(0.2 + 0.3 * np.sin(values) ** 2)
    found = learn_steps(values, bad, CONFIG, sign)
    assert (np.diff(found.values) * sign > 0).all()


def test_the_order_outlives_the_prior() -> None:
    """A few good ones at the end are drawn in towards the mean, but not past their neighbours."""
    x = column(*np.repeat([0.0, 1.0, 2.0], [400, 2_000, 12]))
    bad = np.zeros(len(x))
    bad[:200], bad[400:402] = 1.0, 1.0
    steps = learn_steps(x, bad, BinningConfig(least_share=0.001, penalty=0.0, prior=50.0), -1)
    assert len(steps.values) == 3
    assert (np.diff(steps.values) <= 0).all()


def test_a_risk_with_one_turn_keeps_its_turn(values: Column) -> None:
    found = learn_steps(values, drawn(0.1 + 0.02 * (values - 5) ** 2), CONFIG)
    low, middle, high = found.apply(column(0.5, 5, 9.5))
    assert low > middle + 1 and high > middle + 1
    turns = np.sum(np.diff(np.sign(np.diff(found.values))) != 0)
    assert turns == 1


def test_a_column_that_says_nothing_is_one_bin(values: Column) -> None:
    bad = drawn(np.full(len(values), 0.2))
    found = learn_steps(values, bad, BinningConfig(penalty=8))
    assert len(found.edges) == 0 and abs(found.values[0]) < 1e-3


def test_null_is_a_bin_of_its_own(values: Column) -> None:
    holed = values.copy()
    holed[:1500] = NAN
    bad = np.concatenate([drawn(np.full(1500, 0.6)), drawn(np.full(len(values) - 1500, 0.1))])
    found = learn_steps(holed, bad, CONFIG)
    assert found.nulls == 1500
    assert found.apply(column(NAN))[0] > 1 > 0 > found.apply(column(5))[0]


def test_a_value_never_seen_says_nothing_where_null_was_never_seen(values: Column) -> None:
    found = learn_steps(values, drawn(values / 20), CONFIG)
    assert found.apply(column(NAN))[0] == 0.0
    assert found.apply(column(-1e30))[0] == found.values[0]
    assert found.apply(column(1e30))[0] == found.values[-1]


def test_no_bin_is_smaller_than_it_may_be(values: Column) -> None:
    found = learn_steps(values, drawn(values / 12), BinningConfig(least_share=0.1, penalty=0))
    assert len(found.counts) > 2
    assert found.counts.min() >= 0.1 * len(values)
    assert found.counts.sum() == len(values)


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([-2, -1, 0, 1, 2, 3, 4], [-2, -1]),
        ([-9, 0, 1, 2, 3, 500, 9999], [-9, 9999]),
        ([0, 1, 2, 3, 40, 9999], [9999]),
        ([-3, -2, -1, -0.5, 0, 1, 2, 3], []),
        ([-1, 1], []),
        ([0, 1, 2, 98, 99], []),
        ([], []),
    ],
)
def test_special_codes(values: list[float], codes: list[float]) -> None:
    assert special_codes(column(*values)).tolist() == codes


def test_a_special_code_stands_outside_the_order(values: Column) -> None:
    coded = values.round().astype(np.float32)
    coded[:1000] = -1
    risk = np.where(coded < 0, 0.5, 0.6 - coded / 20)
    found = learn_steps(coded, drawn(risk), CONFIG, -1)
    assert found.apply(column(-1))[0] < found.apply(column(0))[0]
    ordinary = found.apply(np.arange(11, dtype=np.float32))
    assert (np.diff(ordinary) <= 0).all() and ordinary[0] > ordinary[-1]
    assert found.counts.sum() == len(coded)
    just_above = np.nextafter(np.float32(-1), np.float32(0))
    assert found.apply(column(just_above))[0] == found.apply(column(0))[0]


def test_the_mean_of_steps_is_the_mean_of_what_they_say(values: Column) -> None:
    parts = [
        learn_steps(values[start::3], drawn(values[start::3] / 15, start), CONFIG)
        for start in range(3)
    ]
    both = average(parts)
    np.testing.assert_allclose(
        both.apply(values), np.mean([one.apply(values) for one in parts], axis=0)
    )
    assert both.counts.sum() == pytest.approx(np.mean([one.counts.sum() for one in parts]))
