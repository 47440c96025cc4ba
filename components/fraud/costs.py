"""Thresholds from money: what a missed fraud, a refused customer and a look by a person cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.errors import bad_input
from components.fraud.decision import Policy

Floats = npt.NDArray[np.float64]

_HALVINGS = 60
"""Bisections of the price of a review; more than a float64 can tell apart."""


class Costs(BaseModel):
    """What a decision costs, in the currency of the payments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fraud_cost: float | None = Field(default=None, gt=0)
    """A fraud that was let through; by default what the frauds of the calibration days amount to
    on average."""
    decline_cost: float = Field(gt=0)
    """A genuine payment that was declined."""
    review_cost: float = Field(gt=0)
    """A person who looks at a payment."""
    review_finds: float = Field(default=0.9, gt=0, le=1)
    """Share of the frauds under review that the person stops; genuine payments all go through."""
    review_share: float = Field(default=1.0, gt=0, le=1)
    """Largest share of the payments that people can look at."""


def thresholds(fraud_cost: float, costs: Costs, review_price: float | None = None) -> Policy:
    """The thresholds of least expected cost for one payment with probability p of fraud.

    Approving costs p·M, a review R + p·(1 − c)·M, declining (1 − p)·F, with `fraud_cost` M,
    `review_finds` c, `decline_cost` F and R the review's own cost or its `review_price`. A review
    is cheapest between R/(c·M) and (F − R)/(F + (1 − c)·M); where that is nowhere, approving and
    declining meet at F/(F + M). Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.
    """
    price = costs.review_cost if review_price is None else review_price
    refused = costs.decline_cost
    low = price / (costs.review_finds * fraud_cost)
    high = (refused - price) / (refused + (1 - costs.review_finds) * fraud_cost)
    if low >= high:
        low = high = refused / (refused + fraud_cost)
    return Policy(low, high)


def affordable(probability: Floats, fraud_cost: float, costs: Costs) -> Policy:
    """`thresholds`, with reviews made dearer until people can do them.

    probability: calibrated, of payments [n] like those to come. Where more than `review_share` of
    them would be looked at, the least price of a review is found at which it is not: the
    multiplier of Lagrange of that bound.
    """
    policy = thresholds(fraud_cost, costs)
    if _reviewed(probability, policy) <= costs.review_share:
        return policy
    low, high = costs.review_cost, costs.decline_cost
    for _ in range(_HALVINGS):
        price = (low + high) / 2
        policy = thresholds(fraud_cost, costs, price)
        enough = _reviewed(probability, policy) <= costs.review_share
        low, high = (low, price) if enough else (price, high)
    return thresholds(fraud_cost, costs, high)


def mean_cost(
    probability: Floats, fraud: npt.NDArray[np.bool_], amount: Floats, policy: Policy, costs: Costs
) -> float:
    """What these payments [n] would have cost on average under a policy, a fraud its own amount."""
    declined = probability >= policy.decline_from
    reviewed = ~declined & (probability >= policy.approve_below)
    lost = np.where(reviewed, 1 - costs.review_finds, 1.0) * amount * (fraud & ~declined)
    cost = lost + costs.review_cost * reviewed + costs.decline_cost * (declined & ~fraud)
    return float(cost.mean())


def fraud_cost_of(amount: Floats, fraud: npt.NDArray[np.bool_], costs: Costs) -> float:
    """What a fraud costs: as given, or the mean amount of the frauds among payments [n]."""
    if costs.fraud_cost is not None:
        return costs.fraud_cost
    if not fraud.any():
        raise bad_input("no_fraud", "There is no fraud to learn its cost from; give fraud_cost.")
    return float(amount[fraud].mean())


def _reviewed(probability: Floats, policy: Policy) -> float:
    inside = (probability >= policy.approve_below) & (probability < policy.decline_from)
    return float(inside.mean())
