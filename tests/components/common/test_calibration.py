"""Calibration finds the map that was applied, and never changes a ranking."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.common.calibration import BetaCalibration

positive = st.floats(0.05, 20)
maps = st.builds(BetaCalibration, positive, positive, st.floats(-20, 20))


def _sample(true: BetaCalibration, rows: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    margin = random.normal(-1.5, 2, rows)
    return margin, random.random(rows) < true.apply(margin)


@pytest.mark.parametrize(
    "true",
    [BetaCalibration(), BetaCalibration(0.5, 0.5, -1), BetaCalibration(1.6, 0.7, 0.5)],
)
def test_it_finds_the_map_that_made_the_labels(true: BetaCalibration) -> None:
    margin, label = _sample(true)
    found = BetaCalibration.fit(margin, label)
    grid = np.linspace(-5, 3, 50)
    np.testing.assert_allclose(found.apply(grid), true.apply(grid), atol=0.02)


def test_it_makes_a_bold_model_honest() -> None:
    margin, label = _sample(BetaCalibration(0.5, 0.5, -2))
    before, after = (
        BetaCalibration().apply(margin),
        BetaCalibration.fit(margin, label).apply(margin),
    )
    assert abs(before.mean() - label.mean()) > 0.1
    assert after.mean() == pytest.approx(label.mean(), abs=0.002)


@given(maps, st.floats(-30, 30), st.floats(-30, 30))
def test_a_higher_margin_never_means_less(mapping: BetaCalibration, one: float, two: float) -> None:
    low, high = mapping.apply(np.sort([one, two]))
    assert 0 <= low <= high <= 1


@given(maps)
def test_margins_apart_stay_apart(mapping: BetaCalibration) -> None:
    probability = mapping.apply(np.array([-2.0, -1.99, 0.0, 0.01]))
    inside = (probability > 1e-300) & (probability < 1 - 1e-9)
    assert (np.diff(probability)[inside[1:] & inside[:-1]] > 0).all()


def test_extreme_margins_stay_finite() -> None:
    probability = BetaCalibration().apply(np.array([-1e4, 1e4]))
    np.testing.assert_array_equal(probability, [0.0, 1.0])


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_leaves_it_finite_and_increasing(label: int) -> None:
    found = BetaCalibration.fit(np.linspace(-3, 3, 50), np.full(50, label))
    probability = found.apply(np.linspace(-3, 3, 50))
    assert np.isfinite(probability).all()
    assert (np.diff(probability) > 0).all()


def test_no_rows_leave_the_model_as_it_is() -> None:
    assert BetaCalibration.fit(np.array([]), np.array([])) == BetaCalibration()


@given(maps)
def test_it_comes_back_from_text_as_it_was(mapping: BetaCalibration) -> None:
    assert BetaCalibration.from_json(mapping.as_json()) == mapping
