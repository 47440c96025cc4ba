"""Bounds on rates that hold however often one looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.sequential import difference_bounds, log_mixture, rate_bounds

counts = st.integers(0, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_the_observed_rate_lies_between_the_bounds(count: tuple[int, int]) -> None:
    events, trials = count
    low, high = rate_bounds(events, trials, 0.01)

    assert 0.0 <= low <= high <= 1.0
    if trials:
        assert low <= events / trials <= high


@given(counts)
def test_more_confidence_is_a_wider_interval(count: tuple[int, int]) -> None:
    low, high = rate_bounds(*count, 0.05)
    wider_low, wider_high = rate_bounds(*count, 0.001)

    assert wider_low <= low
    assert wider_high >= high


@given(counts)
def test_swapping_events_and_misses_mirrors_the_bounds(count: tuple[int, int]) -> None:
    events, trials = count
    low, high = rate_bounds(events, trials, 0.01)

    assert rate_bounds(trials - events, trials, 0.01) == pytest.approx((1 - high, 1 - low))


def test_nothing_seen_is_nothing_known() -> None:
    assert rate_bounds(0, 0, 0.01) == (0.0, 1.0)
    assert difference_bounds(0, 0, 0, 0, 0.01) == (-1.0, 1.0)


def test_bounds_narrow_with_evidence() -> None:
    widths = [np.diff(rate_bounds(n // 10, n, 0.01))[0] for n in (10, 100, 1_000, 10_000)]

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.03


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="impossible"):
        rate_bounds(3, 2, 0.01)


def test_at_a_bound_the_evidence_is_exactly_the_limit() -> None:
    low, high = rate_bounds(37, 400, 0.01)

    assert log_mixture(37, 400, low) == pytest.approx(np.log(100), rel=1e-6)
    assert log_mixture(37, 400, high) == pytest.approx(np.log(100), rel=1e-6)


def test_the_truth_is_hardly_ever_left_though_one_looks_after_every_answer() -> None:
    """300 streams of 300 answers at 5 %; a fixed-sample test would err far more often."""
    alpha, rate = 0.05, 0.05
    stream = np.random.default_rng(3).random((300, 300)) < rate
    limit = np.log(1 / alpha)
    ever = [
        any(log_mixture(int(events), n, rate) >= limit for n, events in enumerate(row, start=1))
        for row in stream.cumsum(axis=1)
    ]

    assert 0 < np.mean(ever) <= alpha
