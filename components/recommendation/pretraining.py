"""Where the network begins: at implicit alternating least squares, as one that is right already.

He et al. pretrain the paths of NeuMF one by one; here the product path begins at a factorisation
that is solved rather than descended to, so that what is left to learn is what it cannot say: the
order of choices, the content, and what is not linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.recommendation.leave_one_out import HeldOut, ndcg, ranks
from components.recommendation.pairs import Float32, Pairs

Floats = npt.NDArray[np.floating]
GRID = ((10.0, 10.0), (10.0, 30.0), (10.0, 100.0), (1.0, 10.0))
"""Confidence of a choice over none, and ridge, of which the best is taken."""


@dataclass(frozen=True)
class Start:
    """How the product path begins."""

    alpha: float
    ridge: float
    scale: float
    """Log-odds that a score of one is worth."""
    fame: float
    """Log-odds that each doubling (to the base e) of customers is worth beside it."""


def find_start(pairs: Pairs, factors: int, held_out: HeldOut, seed: int) -> Start:
    """The start that ranks held-out pairs best, in the scale in which it is likeliest.

    What is famous counts beside it only where that ranks them better still.
    """
    from components.recommendation.ncf_network import fame

    users = held_out.users
    famous = fame(pairs.popularity)[held_out.items]
    best, found = -1.0, None
    for alpha, ridge in GRID:
        of_users, of_items = factorise(pairs, factors, alpha, ridge, seed)
        scores = np.matmul(of_items[held_out.items], of_users[users][:, :, None])[..., 0]
        gain = _gain(scores)
        if gain > best:
            best, found = gain, (alpha, ridge, scores)
    assert found is not None  # noqa: S101 - the grid is not empty
    alpha, ridge, scores = found
    scale, fame_too = _likeliest(scores, famous)
    if _gain(scale * scores + fame_too * famous) > best:
        return Start(alpha, ridge, scale, fame_too)
    return Start(alpha, ridge, scale, 0.0)


def factorise(
    pairs: Pairs, factors: int, alpha: float, ridge: float, seed: int
) -> tuple[Float32, Float32]:
    """Vectors of customers [users, factors] and merchants [items, factors]."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    model = AlternatingLeastSquares(
        factors, alpha=alpha, regularization=ridge, random_state=seed, num_threads=1
    )
    with threadpool_limits(1, "blas"):  # what `implicit` asks for: its threads are its own
        model.fit(pairs.matrix(), show_progress=False)
    return np.asarray(model.user_factors), np.asarray(model.item_factors)


def _gain(scores: Floats) -> float:
    return float(ndcg(ranks(scores)).mean())


def _likeliest(scores: Floats, famous: Floats) -> tuple[float, float]:
    """Scale and fame under which the first of each row is likeliest to be the choice, by softmax.

    Neither below zero.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    def loss(x: npt.NDArray[np.float64]) -> float:
        margin = x[0] * scores + x[1] * famous
        return float((logsumexp(margin, axis=1) - margin[:, 0]).mean())

    found = minimize(loss, np.array([1.0, 0.5]), bounds=((0.0, None), (0.0, None)))
    return float(found.x[0]), float(found.x[1])
