"""Thresholds from money: each decision is the cheapest one, and people can do the reviews."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.common.errors import FinloopError
from components.fraud.costs import Costs, affordable, fraud_cost_of, mean_cost, thresholds
from components.fraud.decision import Answer, decide


def costs(**changes: Any) -> Costs:
    return Costs.model_validate({"decline_cost": 40.0, "review_cost": 4.0, **changes})


def expected(p: float, fraud_cost: float, told: Costs) -> dict[Answer, float]:
    """What each decision costs on average, spelled out by what can happen."""
    missed = p * (1 - told.review_finds)
    return {
        Answer.APPROVE: p * fraud_cost,
        Answer.REVIEW: told.review_cost + missed * fraud_cost,
        Answer.DECLINE: (1 - p) * told.decline_cost,
    }


@given(
    st.floats(0.001, 0.999),
    st.floats(1, 1e5),
    st.floats(0.1, 1e4),
    st.floats(0.1, 1e3),
    st.floats(0.05, 1),
)
def test_what_is_decided_costs_least(
    p: float, fraud: float, decline: float, review: float, finds: float
) -> None:
    told = costs(decline_cost=decline, review_cost=review, review_finds=finds)
    spent = expected(p, fraud, told)
    chosen = decide(p, thresholds(fraud, told)).decision
    assert spent[chosen] <= min(spent.values()) * (1 + 1e-9) + 1e-9


def test_a_review_that_does_not_pay_is_never_asked_for() -> None:
    policy = thresholds(100.0, costs(review_cost=39.0))
    assert policy.approve_below == policy.decline_from == pytest.approx(40 / 140)


def test_reviews_become_dearer_until_people_can_do_them() -> None:
    p = np.random.default_rng(0).beta(0.3, 3.0, 50_000)
    free, told = thresholds(200.0, costs()), costs(review_share=0.02)
    assert np.mean((p >= free.approve_below) & (p < free.decline_from)) > 0.1
    bound = affordable(p, 200.0, told)
    looked_at = np.mean((p >= bound.approve_below) & (p < bound.decline_from))
    assert 0.019 < looked_at <= 0.02
    assert free.approve_below < bound.approve_below < bound.decline_from < free.decline_from


def test_enough_people_change_nothing() -> None:
    p = np.random.default_rng(0).beta(0.3, 3.0, 1_000)
    assert affordable(p, 200.0, costs()) == thresholds(200.0, costs())


def test_the_cost_of_what_was_decided() -> None:
    told, policy = costs(review_finds=0.75), thresholds(100.0, costs())
    p = np.array([0.0, 0.0, 0.3, 0.3, 0.99, 0.99])
    fraud = np.array([False, True, False, True, False, True])
    amount = np.array([10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
    assert mean_cost(p, fraud, amount, policy, told) * 6 == pytest.approx(
        0 + 20 + 4 + (4 + 0.25 * 40) + 40 + 0
    )


def test_thresholds_of_least_cost_cost_less_than_others_on_rows_they_have_not_seen() -> None:
    random = np.random.default_rng(1)
    p, amount = random.beta(0.2, 4.0, 40_000), random.lognormal(4, 0.5, 40_000)
    fraud, told = random.random(40_000) < p, costs()
    early, late = slice(0, 20_000), slice(20_000, None)
    policy = affordable(p[early], fraud_cost_of(amount[early], fraud[early], told), told)
    spent = [
        mean_cost(p[late], fraud[late], amount[late], one, told)
        for one in (policy, thresholds(10.0, told), thresholds(10_000.0, told))
    ]
    assert spent[0] < 0.9 * min(spent[1:])


def test_what_a_fraud_costs_is_told_or_learnt() -> None:
    amount, fraud = np.array([10.0, 20.0, 40.0]), np.array([False, True, True])
    assert fraud_cost_of(amount, fraud, costs()) == 30.0
    assert fraud_cost_of(amount, fraud, costs(fraud_cost=7.0)) == 7.0
    with pytest.raises(FinloopError, match="give fraud_cost"):
        fraud_cost_of(amount, np.zeros(3, bool), costs())
