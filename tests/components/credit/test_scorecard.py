"""A scorecard is its table of points, whichever way it is written down."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from components.common.tree_shap import TreeShap
from components.credit.comparing import Judged, roc_auc
from components.credit.scorecard import Scorecard, ScorecardConfig, fit_scorecard

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
CONFIG = ScorecardConfig(draws=3, pairs=2)
FREE = (0, 0, 0, 0)


def drawn(count: int, seed: int) -> tuple[Matrix, Floats]:
    """Two columns that speak for themselves and two that only speak together."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, 4)).astype(np.float32)
    logit = rows[:, 0] - 0.5 * rows[:, 1] + 2 * np.sign(rows[:, 2] * rows[:, 3]) - 1
    bad = (random.random(count) < 1 / (1 + np.exp(-logit))).astype(float)
    rows[random.random(rows.shape) < 0.05] = np.nan
    return rows, bad


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return fit_scorecard(*drawn(4000, 0), CONFIG, FREE, 0)


def test_its_trees_are_the_table(card: Scorecard) -> None:
    rows = drawn(1000, 1)[0]
    rows[:3] = np.array([[1e38], [-1e38], [0]], dtype=np.float32)
    np.testing.assert_allclose(card.trees().margin(rows), card.margin(rows), atol=1e-5)


def test_a_pair_that_only_speaks_together_is_found(card: Scorecard) -> None:
    assert (2, 3) in [pair.columns for pair in card.pairs]
    rows, bad = drawn(4000, 2)
    alone = fit_scorecard(*drawn(4000, 0), CONFIG.model_copy(update={"pairs": 0}), FREE, 0)
    with_pairs, without = (roc_auc(Judged(bad, one.margin(rows))) for one in (card, alone))
    assert with_pairs > without + 0.1


def test_a_constrained_column_is_in_no_pair() -> None:
    card = fit_scorecard(*drawn(2000, 0), CONFIG, (0, 0, 1, 0), 0)
    assert all(2 not in pair.columns for pair in card.pairs)


def test_weights_are_never_negative(card: Scorecard) -> None:
    assert (card.weights[1:] >= 0).all()


def test_a_contribution_is_the_points_against_the_mean_of_the_bins(card: Scorecard) -> None:
    plain = Scorecard(card.steps, (), card.weights[:5])
    shap = TreeShap.of(plain.trees(), 4)
    row = drawn(1, 3)[0][0]
    expected = []
    for steps, weight, value in zip(plain.steps, plain.weights[1:], row, strict=True):
        values = np.append(steps.values, steps.null) * weight
        mean = np.average(values, weights=np.append(steps.counts, steps.nulls))
        expected.append(float(steps.apply(value[None])[0]) * weight - mean)
    np.testing.assert_allclose(shap.contributions(row), expected, atol=1e-5)


def test_a_card_on_which_nothing_counts_says_the_average() -> None:
    rows = np.zeros((200, 2), dtype=np.float32)
    bad = np.repeat([0.0, 1.0], 100)
    card = fit_scorecard(rows, bad, ScorecardConfig(draws=1), (0, 0), 0)
    np.testing.assert_allclose(card.trees().margin(rows), 0, atol=1e-3)
    nothing = Scorecard(card.steps, (), np.array([0.5, 0.0, 0.0]))
    np.testing.assert_allclose(nothing.trees().margin(rows), 0.5)
