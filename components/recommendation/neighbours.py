"""Merchants with the same customers: reasons for a recommendation, and the baseline to beat."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from components.recommendation.people import People

NEAREST = 20
"""Neighbours that are kept of a merchant."""


def similarity(paid: csr_matrix, nearest: int) -> Any:
    """Cosine of customers between merchants, the nearest ones of each [merchants, merchants].

    paid: [customers, merchants] weights.
    """
    from implicit.nearest_neighbours import CosineRecommender
    from implicit.utils import ParameterWarning

    model = CosineRecommender(K=nearest + 1, num_threads=1)
    with warnings.catch_warnings(action="ignore", category=ParameterWarning):
        model.fit(paid, show_progress=False)  # it warns of a matrix that it has made itself
    found: Any = model.similarity
    return found.tocsr()


def customers(paid: csr_matrix) -> npt.NDArray[np.float64]:
    """How many customers each merchant has [merchants]."""
    return np.asarray(paid.getnnz(axis=0), dtype=float)


def neighbours_of(paid: csr_matrix) -> npt.NDArray[np.int64]:
    """Rows of the nearest merchants of each one [merchants, NEAREST], nearest first; -1 is none."""
    near, merchants = similarity(paid, NEAREST), len(customers(paid))
    found = np.full((merchants, NEAREST), -1, dtype=np.int64)
    for row in range(merchants):
        inside = slice(near.indptr[row], near.indptr[row + 1])
        columns, values = near.indices[inside], near.data[inside]
        others = columns != row
        best = columns[others][np.lexsort((columns[others], -values[others]))][:NEAREST]
        found[row, : len(best)] = best
    return found


def item_knn(paid: csr_matrix, people: People, nearest: int = 100) -> npt.NDArray[np.float64]:
    """[n, merchants] scores of people by the neighbours of what they paid (item-kNN, cosine)."""
    from components.recommendation.catalogue import SEEN

    merchants = len(customers(paid))
    near = similarity(paid, min(nearest, merchants - 1))
    rows, weight = people.inputs[:, :SEEN], np.nan_to_num(people.inputs[:, SEEN:])
    dense = np.zeros((len(rows), merchants))
    who, place = np.nonzero(~np.isnan(rows))
    dense[who, rows[who, place].astype(int)] = weight[who, place]
    return np.asarray(near.T @ dense.T).T
