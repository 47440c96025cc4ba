"""A shallow term beside the network's two paths: every merchant from all others, linearly.

A factorisation learnt from a few thousand customers loses what two merchants have in common by
their own customers; a closed form keeps it. For very many merchants its table would not fit, and
there the vectors say it well enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from components.recommendation.leave_one_out import HeldOut, ndcg, ranks
from components.recommendation.pairs import Float32, History, Pairs

MOST_MERCHANTS = 4_000
"""With more of them there is no such term: the table grows with their square (64 MB)."""
SHARES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""How much of it log-odds may take."""

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Shallow:
    """l_um = Σ_j B_jm over the choices j of a history.

    B = I − P·diag(P)⁻¹ with P = (XᵀX + λI)⁻¹, X who chose what. Steck, "Embarrassingly shallow
    autoencoders for sparse data", 2019.
    """

    table: Float32
    """B [items, items], zero on the diagonal."""
    share: float = 0.0
    """How much of l the log-odds take."""

    @classmethod
    def of(cls, pairs: Pairs, ridge: float, share: float = 0.0) -> Shallow | None:
        """From pairs; None for too many merchants. ridge: λ."""
        if pairs.items > MOST_MERCHANTS:
            return None
        chosen = pairs.matrix()
        return cls(ease_weights(chosen.T @ chosen, ridge), share)

    def fitted(self, margins: Floats, held_out: HeldOut) -> Shallow:
        """With the share by which held-out choices are ranked best beside `margins` of theirs
        [n, 1 + negatives]; the least of equals."""
        told = self.told(held_out.history, held_out.items)
        gains = [float(ndcg(ranks(margins + share * told)).mean()) for share in SHARES]
        return replace(self, share=SHARES[int(np.argmax(gains))])

    def told(self, history: History, items: npt.NDArray[np.integer] | None = None) -> Floats:
        """l of candidates [n, c], or of every merchant [n, items]; 0 without a history."""
        who, place = np.nonzero(history.item >= 0)
        chosen = np.zeros((len(history), len(self.table)), np.float32)
        chosen[who, history.item[who, place]] = 1.0
        told = chosen @ self.table
        return told if items is None else np.take_along_axis(told, items, axis=1)


def ease_weights(together: Any, ridge: float) -> Float32:
    """B [items, items] of how many customers merchants share, sparse or dense."""
    from scipy.linalg import lapack

    dense = together.toarray() if hasattr(together, "toarray") else together
    gram = np.asfortranarray(dense, dtype=np.float32)
    gram[np.diag_indices_from(gram)] += ridge
    # the two halves of an inverse of a symmetric matrix, in place: a third of the usual work
    decompose, invert = lapack.get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, failed = decompose(gram, lower=1, overwrite_a=1)
    inverse, failed_too = invert(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ValueError(f"a ridge of {ridge} is too small for these pairs")
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights
