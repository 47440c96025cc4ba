"""The blend is better than its members, keeps their order, and goes on without one of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from components.common.errors import FinloopError
from components.fraud.blend import Blend, Floats

Said = dict[str, Floats]


def draw(seed: int, count: int = 20_000) -> tuple[Said, Floats]:
    """Two models that see different halves of what there is to know, both calibrated."""
    random = np.random.default_rng(seed)
    one, other, noise = random.normal(size=(3, count))
    label = (2 * one + other - 5 + noise > 0).astype(float)
    from scipy.stats import norm

    said = {
        "trees": norm.cdf((2 * one - 5) / np.sqrt(2)),
        "network": norm.cdf((other - 5) / np.sqrt(5)),
    }
    return said, label


def test_it_is_better_than_either_member_on_rows_it_has_not_seen() -> None:
    blend = Blend.fit(*draw(1))
    said, label = draw(2)
    best = min(log_loss(label, values) for values in said.values())
    assert log_loss(label, blend.apply(said)) < 0.95 * best
    assert blend.apply(said).mean() == pytest.approx(label.mean(), rel=0.1)


def test_a_member_that_says_nothing_gets_no_weight() -> None:
    said, label = draw(1)
    random = np.random.default_rng(3).random(len(label))
    blend = Blend.fit(said | {"noise": random}, label)
    assert blend.weights["noise"] < 0.05 * min(blend.weights["trees"], blend.weights["network"])


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_more_risk_of_one_member_never_lowers_the_blend(one: float, more: float, b: float) -> None:
    blend = Blend({"a": 0.8, "b": 0.0}, -0.1)
    low, high = sorted((one, more))
    scores = [blend.apply({"a": np.array([p]), "b": np.array([b])})[0] for p in (low, high)]
    assert 0 < scores[0] <= scores[1] < 1


def test_a_missing_member_leaves_the_decision_to_the_other() -> None:
    blend = Blend({"trees": 0.7, "network": 0.2}, 0.5)
    assert blend.apply({"network": np.array([0.25])}).tolist() == [0.25]
    assert blend.leader(("network", "trees")) == "trees"
    assert blend.leader(("unknown", "network")) == "network"


def test_one_class_is_refused() -> None:
    with pytest.raises(FinloopError, match="frauds and genuine"):
        Blend.fit({"trees": np.array([0.1, 0.2])}, [0, 0])
