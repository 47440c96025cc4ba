"""The population stability index and its bins."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.psi import bin_shares, psi, psi_by_chance, quantile_edges


def _normal(shift: float = 0.0, size: int = 20_000) -> np.ndarray:
    return np.random.default_rng(7).normal(shift, 1.0, size)


def test_the_same_sample_has_no_distance() -> None:
    sample = _normal()

    assert psi(sample, sample, quantile_edges(sample)) == 0.0


def test_a_shift_of_d_deviations_is_about_d_squared() -> None:
    reference = _normal()

    assert psi(reference, _normal(0.5), quantile_edges(reference)) == pytest.approx(0.25, abs=0.04)


def test_a_single_outlier_does_not_hide_a_shift() -> None:
    reference, current = _normal(), np.append(_normal(1.0), 1e12)

    assert psi(reference, current, quantile_edges(reference)) > 0.7


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_flag_that_was_constant_and_is_not_any_more_is_seen(value: float) -> None:
    reference = np.full(1_000, value)
    current = np.where(np.arange(1_000) % 2 == 0, value, 1.0 - value)

    assert psi(reference, current, quantile_edges(reference)) > 1.0


def test_few_values_are_compared_one_by_one() -> None:
    edges = quantile_edges([1, 2, 2, 3])

    assert edges[1:].tolist() == [1, 2, 3]
    assert bin_shares([1, 2, 2, 3], edges).argmax() == 2


def test_nulls_and_infinities_are_left_out() -> None:
    edges = quantile_edges([np.nan, 1.0, 2.0, np.inf])

    assert np.array_equal(bin_shares([1.0, np.nan], edges), bin_shares([1.0], edges))


def test_bins_of_scores_are_at_least_the_resolution_wide() -> None:
    scores = np.random.default_rng(1).beta(0.1, 10, 5_000)

    edges = quantile_edges(scores, bins=20, resolution=0.01)

    assert edges[0] >= 0.01
    assert (np.diff(edges) >= 0.01).all()


def test_a_tiny_move_of_tiny_scores_is_no_distance() -> None:
    champion = np.full(1_000, 0.0003)

    assert psi(champion, champion * 2, quantile_edges(champion, resolution=0.01)) == 0.0


def test_a_reference_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="no bins"):
        quantile_edges([np.nan, np.nan])


def test_chance_exceeds_its_bound_as_seldom_as_promised() -> None:
    rng = np.random.default_rng(9)
    reference = rng.lognormal(0, 1, 5_000)
    edges = quantile_edges(reference)
    found = [psi(rng.lognormal(0, 1, 5_000), rng.lognormal(0, 1, 500), edges) for _ in range(400)]

    assert np.mean(np.array(found) > psi_by_chance(5_000, 500, edges)) <= 0.005
    assert np.mean(np.array(found) > psi_by_chance(5_000, 500, edges, level=0.9)) > 0.03
