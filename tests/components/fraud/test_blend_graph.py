"""The graph of a blend says what the blend says, and goes on where a member is missing."""

from __future__ import annotations

import numpy as np
import pytest

from components.common.artifact import Scorer, session_of
from components.fraud.blend import Blend
from components.fraud.blend_graph import blend_graph

NAN = float("nan")
BLEND = Blend({"trees": 0.7, "network": 0.4, "graph": 0.1}, -0.3)


def scorer(blend: Blend) -> Scorer:
    """The graph as the service loads it."""
    return Scorer(session_of(blend_graph(blend).SerializeToString()), tuple(blend.weights))


def test_it_is_the_blend() -> None:
    rows = np.random.default_rng(0).random((1_000, 3)) ** 4
    rows[:3] = [[0, 0, 0], [1, 1, 1], [1e-9, 0.5, 1 - 1e-7]]
    rows = rows.astype(np.float32)
    wide = rows.astype(np.float64)
    expected = BLEND.apply({name: wide[:, at] for at, name in enumerate(BLEND.weights)})
    np.testing.assert_allclose(scorer(BLEND).score(rows), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("said", "alone"),
    [
        ([0.25, NAN, 0.9], 0.25),
        ([NAN, 0.4, 0.9], 0.4),
        ([NAN, NAN, 0.9], 0.9),
        ([0.25, 0.4, NAN], 0.25),
    ],
)
def test_without_a_member_the_one_that_weighs_most_answers(said: list[float], alone: float) -> None:
    rows = np.array([said, [0.5, 0.5, 0.5]], np.float32)
    first, whole = scorer(BLEND).score(rows)
    assert first == pytest.approx(alone, rel=1e-5)
    assert whole == pytest.approx(1 / (1 + np.exp(0.3)))
    names = [name for name, p in zip(BLEND.weights, said, strict=True) if p == p]
    assert alone == pytest.approx(dict(zip(BLEND.weights, said, strict=True))[BLEND.leader(names)])


def test_members_of_one_weight_lead_in_their_order() -> None:
    even = Blend({"a": 0.5, "b": 0.5, "c": 0.5})
    (said,) = scorer(even).score(np.array([[0.1, NAN, 0.3]], np.float32))
    assert said == pytest.approx(0.1)
    assert even.leader(("a", "c")) == "a"


def test_nobody_says_nothing() -> None:
    assert np.isnan(scorer(BLEND).score(np.full((1, 3), NAN, np.float32)))[0]
