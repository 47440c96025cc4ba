"""What a recommender has to beat: what is popular, what is alike, and two factorisations.

Each is fitted to pairs and scores candidates of the same customers, as the network does; each takes
the values that rank held-out pairs best, from a grid as wide as its authors use.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from components.recommendation.leave_one_out import HeldOut, ndcg, ranks
from components.recommendation.pairs import Pairs
from components.recommendation.shallow import ease_weights

Floats = npt.NDArray[np.floating]
Candidates = npt.NDArray[np.integer]
Scores = Callable[[npt.NDArray[np.integer], Candidates], Floats]
"""Customers [n] and candidates [n, c] → scores [n, c] of any scale."""
Setting = dict[str, Any]
LARGEST = 25_000
"""Merchants beyond which two matrices over all pairs of them do not fit (5 GB)."""


@dataclass(frozen=True)
class Baseline:
    """One way to rank, and what can be tuned of it."""

    name: str
    fit: Callable[..., Scores]
    """Pairs and a setting → scores."""
    grid: tuple[Setting, ...] = ({},)
    largest: int | None = None
    """Merchants beyond which it takes too much memory."""

    def affordable(self, pairs: Pairs) -> bool:
        """Whether so many merchants are not too many for it."""
        return self.largest is None or pairs.items <= self.largest


def tuned(baseline: Baseline, pairs: Pairs, held_out: HeldOut) -> Setting:
    """The setting of the grid that ranks held-out pairs of customers best; the first of equals."""
    users = held_out.users
    best, chosen = -1.0, baseline.grid[0]
    if len(baseline.grid) == 1:
        return chosen
    for setting in baseline.grid:
        scores = baseline.fit(pairs, **setting)(users, held_out.items)
        found = float(ndcg(ranks(scores)).mean())
        if found > best:
            best, chosen = found, setting
    return chosen


def popularity(pairs: Pairs) -> Scores:
    """How many customers chose it."""
    known = pairs.popularity.astype(float)
    return lambda users, items: known[items]


def item_knn(pairs: Pairs, *, neighbours: int, weighting: str) -> Scores:
    """Σ of similarities to what the customer chose, over the nearest neighbours of each merchant.

    weighting: cosine, tfidf or bm25 (Sarwar et al., 2001; as in `implicit`).
    """
    from implicit import nearest_neighbours as near
    from implicit.utils import ParameterWarning

    kinds = {
        "cosine": near.CosineRecommender,
        "tfidf": near.TFIDFRecommender,
        "bm25": near.BM25Recommender,
    }
    model = kinds[weighting](K=min(neighbours, pairs.items), num_threads=1)
    chosen = pairs.matrix()
    with warnings.catch_warnings(action="ignore", category=ParameterWarning):
        model.fit(chosen, show_progress=False)  # it warns of a matrix that it has made itself
    similar = model.similarity.tocsr()
    return _by_rows(lambda rows: (chosen[rows] @ similar).toarray())


def ease(pairs: Pairs, *, ridge: float) -> Scores:
    """x·B with B = I − P·diag(P)⁻¹ and P = (XᵀX + λI)⁻¹: each merchant from all others, linearly.

    Steck, "Embarrassingly shallow autoencoders for sparse data", 2019.
    """
    chosen = pairs.matrix()
    weights = ease_weights(chosen.T @ chosen, ridge)
    return _by_rows(lambda rows: chosen[rows] @ weights)


def ials(
    pairs: Pairs, *, factors: int, alpha: float, regularization: float, iterations: int = 15
) -> Scores:
    """Implicit alternating least squares (Hu, Koren and Volinsky, 2008; as in `implicit`)."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    model = AlternatingLeastSquares(
        factors,
        alpha=alpha,
        regularization=regularization,
        iterations=iterations,
        random_state=0,
        num_threads=1,
    )
    with threadpool_limits(1, "blas"):  # what `implicit` asks for: its threads are its own
        model.fit(pairs.matrix(), show_progress=False)
    of_users, of_items = np.asarray(model.user_factors), np.asarray(model.item_factors)
    return lambda users, items: np.matmul(of_items[items], of_users[users][:, :, None])[..., 0]


def _by_rows(score_all: Callable[[npt.NDArray[np.integer]], Floats]) -> Scores:
    """Scores of candidates from scores of everything, some customers at a time."""

    def scores(users: npt.NDArray[np.integer], items: Candidates) -> Floats:
        parts = [
            np.take_along_axis(np.asarray(score_all(users[rows])), items[rows], axis=1)
            for rows in _slices(len(users))
        ]
        return np.concatenate(parts) if parts else np.zeros(items.shape)

    return scores


def _slices(rows: int, size: int = 1024) -> Iterator[slice]:
    return (slice(begin, begin + size) for begin in range(0, rows, size))


POPULARITY = Baseline("popularity", popularity)
ITEM_KNN = Baseline(
    "item-knn",
    item_knn,
    tuple(
        {"neighbours": neighbours, "weighting": weighting}
        for weighting in ("cosine", "tfidf", "bm25")
        for neighbours in (50, 100, 200, 400)
    ),
)
EASE = Baseline("ease", ease, tuple({"ridge": ridge} for ridge in (100.0, 300.0, 1000.0)), LARGEST)
IALS = Baseline(
    "ials",
    ials,
    tuple(
        {"factors": factors, "alpha": alpha, "regularization": regularization}
        for factors, alpha, regularization in (
            (32, 10.0, 10.0),
            (64, 1.0, 10.0),
            (64, 10.0, 10.0),
            (64, 10.0, 30.0),
            (64, 10.0, 100.0),
            (128, 1.0, 10.0),
            (128, 10.0, 30.0),
            (128, 10.0, 100.0),
            (192, 1.0, 10.0),
            (192, 10.0, 100.0),
        )
    ),
)
BASELINES = (POPULARITY, ITEM_KNN, EASE, IALS)
