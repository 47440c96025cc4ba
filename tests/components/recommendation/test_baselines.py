"""The baselines against their definitions, and what tuning may look at."""

from __future__ import annotations

import numpy as np
import pytest

from components.recommendation.baselines import (
    BASELINES,
    EASE,
    Baseline,
    Candidates,
    Scores,
    ease,
    ease_weights,
    ials,
    item_knn,
    popularity,
    tuned,
)
from components.recommendation.leave_one_out import ndcg, ranks
from components.recommendation.pairs import Pairs
from tests.components.recommendation.town import held_out_of_town, make_town

FITTED = {
    "popularity": popularity,
    "item-knn": lambda pairs: item_knn(pairs, neighbours=50, weighting="tfidf"),
    "ease": lambda pairs: ease(pairs, ridge=20.0),
    "ials": lambda pairs: ials(pairs, factors=8, alpha=5.0, regularization=0.1),
}


def gain(scores: Scores) -> float:
    _, held_out = held_out_of_town()
    return float(ndcg(ranks(scores(held_out.users, held_out.items))).mean())


def test_what_is_alike_beats_what_is_popular() -> None:
    known, _ = held_out_of_town()
    found = {name: gain(fit(known)) for name, fit in FITTED.items()}
    assert list(FITTED) == [one.name for one in BASELINES]
    assert min(found[name] for name in ("item-knn", "ease", "ials")) > found["popularity"] + 0.1


@pytest.mark.parametrize("name", FITTED)
def test_candidates_are_scored_one_by_one(name: str) -> None:
    known, _ = held_out_of_town()
    scores = FITTED[name](known)
    users, every = np.array([3, 7]), np.tile(np.arange(known.items), (2, 1))
    whole = scores(users, every)
    assert scores(users[:1], every[:1, [9, 2]])[0] == pytest.approx(whole[0, [9, 2]], rel=1e-5)
    assert scores(users[:0], every[:0]).shape == (0, known.items)


def test_ease_is_the_closed_form() -> None:
    chosen = (np.random.default_rng(0).random((30, 6)) < 0.4).astype(float)
    inverse = np.linalg.inv(chosen.T @ chosen + 2.0 * np.eye(6))
    expected = np.eye(6) - inverse / np.diag(inverse)
    assert ease_weights(chosen.T @ chosen, 2.0) == pytest.approx(expected, abs=1e-4)


def test_a_ridge_that_is_too_small_is_said() -> None:
    with pytest.raises(ValueError, match="too small"):
        ease_weights(np.ones((4, 4)), -1.0)


def test_tuning_takes_what_ranks_held_out_pairs_best() -> None:
    known, held_out = held_out_of_town()
    asked = []

    def fit(pairs: Pairs, *, sign: float) -> Scores:
        assert len(pairs) == len(known)
        asked.append(sign)
        right = {
            (int(user), int(row[0]))
            for user, row in zip(held_out.users, held_out.items, strict=True)
        }

        def scores(users: np.ndarray, items: Candidates) -> np.ndarray:
            return np.array(
                [
                    [sign * ((int(user), int(item)) in right) for item in row]
                    for user, row in zip(users, items, strict=True)
                ]
            )

        return scores

    grid = tuple({"sign": sign} for sign in (-1.0, 1.0, 0.0))
    assert tuned(Baseline("told", fit, grid), known, held_out) == {"sign": 1.0}
    assert asked == [-1.0, 1.0, 0.0]


def test_a_baseline_without_a_choice_is_not_fitted_to_be_tuned() -> None:
    known, held_out = held_out_of_town()

    def fit(pairs: Pairs) -> Scores:
        raise AssertionError

    assert tuned(Baseline("one", fit), known, held_out) == {}


def test_too_many_merchants_are_too_many_for_a_dense_matrix() -> None:
    few = make_town().pairs
    many = Pairs.of([0], [0], users=1, items=30_000)
    assert EASE.affordable(few)
    assert not EASE.affordable(many)
    assert BASELINES[0].affordable(many)
