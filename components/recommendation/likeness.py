"""How alike merchants are to what a customer paid: a term beside the network's two paths.

A factorisation of a few hundred merchants loses what two of them have in common by their own
customers; the neighbours keep it. For very many merchants the table would not fit, and there the
vectors say it well enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.recommendation.neighbours import customers, similarity
from components.recommendation.pairs import Float32, History

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LEAST = 1e-3
"""ε: less alike than that is not alike at all."""
MOST_MERCHANTS = 3_000
"""With more of them there is no such term: the table grows with their square."""
_NEAREST = 100


@dataclass(frozen=True)
class Likeness:
    """l_m = ln(ε + Σ_j g_j·cos(j, m) / Σ_j g_j) over the choices j of a history, g_j how sure."""

    similar: Float32
    """[items, items], cosine of their customers; zero on the diagonal, symmetric no more where
    only the nearest are kept."""
    weight: float = 0.0
    """How much of it the log-odds take."""

    @classmethod
    def of(cls, paid: csr_matrix) -> Likeness | None:
        """From weights of payments [customers, merchants]; None for too many merchants."""
        items = len(customers(paid))
        if items > MOST_MERCHANTS:
            return None
        near = similarity(paid, min(_NEAREST, items - 1)).toarray().astype(np.float32)
        np.fill_diagonal(near, 0.0)
        return cls(near)

    def weighing(self, weight: float) -> Likeness:
        """The same with another weight."""
        return replace(self, weight=weight)

    def told(self, history: History) -> npt.NDArray[np.float64]:
        """l_m of every merchant [n, items]; ln ε without a history."""
        sure = np.where(history.item >= 0, history.weight, 0.0)
        dense = np.zeros((len(history), len(self.similar)))
        who = np.broadcast_to(np.arange(len(history))[:, None], sure.shape)
        np.add.at(dense, (who, np.maximum(history.item, 0)), sure)
        whole = np.maximum(sure.sum(axis=1, keepdims=True), LEAST)
        return np.log(LEAST + dense @ self.similar / whole)
