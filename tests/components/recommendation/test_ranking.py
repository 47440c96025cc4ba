"""Lists: who may be on one, in which order, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.recommendation.catalogue import SEEN, Catalogue, History, weights
from components.recommendation.ranking import Place, because, best, distance_km, eligible

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SEOUL, BUSAN = (37.5665, 126.978), (35.1796, 129.0756)


def catalogue(count: int = 6) -> Catalogue:
    """Merchants m0…: cafes and groceries by turns, the last one without a place."""
    latitude, longitude = np.full(count, SEOUL[0]), np.full(count, SEOUL[1])
    latitude[1], longitude[1] = BUSAN
    latitude[-1] = longitude[-1] = np.nan
    return Catalogue(
        tuple(f"m{n}" for n in range(count)),
        tuple(f"Shop {n}" for n in range(count)),
        tuple("cafe" if n % 2 == 0 else "grocery" for n in range(count)),
        latitude,
        longitude,
        np.arange(count, dtype=float),
        tuple(((n + 1) % count, (n + 2) % count) for n in range(count)),
    )


def test_what_was_used_and_what_is_elsewhere_is_left_out() -> None:
    shops = catalogue()
    assert eligible(shops).all()
    assert not eligible(shops, used=("m0", "unknown"))[0]
    assert eligible(shops, category="cafe").tolist() == [True, False] * 3
    assert not eligible(shops, category="none of that name").any()
    near = eligible(shops, near=Place(*SEOUL, radius_km=10))
    assert near.tolist() == [True, False, True, True, True, False]


def test_distances_are_those_of_the_globe() -> None:
    away = distance_km(catalogue(), *SEOUL)
    assert away[0] == pytest.approx(0, abs=1e-6)
    assert away[1] == pytest.approx(325, abs=3)
    assert np.isnan(away[-1])


def test_without_diversity_the_order_is_that_of_the_probabilities() -> None:
    shops, draw = catalogue(200), np.random.default_rng(3)
    probability = draw.random(200)
    rows = best(probability, np.ones(200, dtype=bool), shops, 12, diversity=0)
    assert rows.tolist() == np.argsort(-probability)[:12].tolist()


def test_diversity_mixes_categories() -> None:
    shops = catalogue(40)
    cafes = np.array([name == "cafe" for name in shops.categories])
    probability = np.where(cafes, 0.9, 0.85) + np.linspace(0.01, 0, 40)
    every = np.ones(40, dtype=bool)
    alike, mixed = (best(probability, every, shops, 6, by) for by in (0.0, 0.5))
    assert cafes[alike].all()
    assert 0 < cafes[mixed].sum() < 6


@given(st.integers(1, 30), st.lists(st.booleans(), min_size=25, max_size=25), st.integers(0, 9))
def test_a_list_has_each_merchant_once_and_only_those_allowed(
    n: int, allowed: list[bool], seed: int
) -> None:
    probability = np.random.default_rng(seed).choice([0.1, 0.2, 0.3], 25)
    rows = best(probability, np.array(allowed), catalogue(25), n)
    assert len(rows) == min(n, sum(allowed)) == len(set(rows.tolist()))
    assert all(allowed[row] for row in rows)
    again = best(probability, np.array(allowed), catalogue(25), n)
    assert rows.tolist() == again.tolist()
    if len(rows):
        assert probability[rows[0]] == probability[np.array(allowed)].max()


def test_a_reason_is_the_nearest_one_that_was_paid() -> None:
    shops = catalogue()
    assert because(shops, 0, ("m2", "m1")) == "m1"
    assert because(shops, 0, ("m4",)) is None


def test_a_history_becomes_inputs_the_newest_first() -> None:
    at = int(NOW.timestamp() * 1e6)
    paid = History(("m3", "gone", "m1"), (3, 9, 1), (at, at, at - 60 * 86_400_000_000))
    inputs = catalogue().inputs(paid, NOW)
    assert inputs == {
        "merchant_1": 3.0,
        "merchant_2": 1.0,
        "weight_1": pytest.approx(np.log(4)),
        "weight_2": pytest.approx(np.log(2) / 2),
    }
    assert catalogue().inputs(History(), NOW) == {}
    many = History(*(tuple([one] * 200) for one in ("m0", 1, at)))  # type: ignore[arg-type]
    assert len(catalogue().inputs(many, NOW)) == 2 * SEEN


def test_weight_grows_with_count_and_falls_with_age() -> None:
    assert (np.diff(weights([1, 2, 9], [0, 0, 0])) > 0).all()
    assert (np.diff(weights([2, 2, 2], [0, 1, 100])) < 0).all()
    future = NOW + timedelta(days=3)
    assert weights(1, (NOW - future).days) == weights(1, 0)
