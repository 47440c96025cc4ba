"""Population stability index on bins of the reference: a distance that a big window cannot inflate.

A p-value of ten thousand rows calls every difference significant; the index measures its size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Edges = NDArray[np.float64]

FEW_VALUES = 20
"""A column with no more distinct values than this is compared value by value."""


def quantile_edges(reference: ArrayLike, bins: int = 10, resolution: float = 0.0) -> Edges:
    """Upper edges of the bins that hold equal shares of `reference`, at least `resolution` apart.

    A column with few distinct values gets a bin per value and one below them. Nulls are left out.
    """
    values = _known(reference)
    distinct = np.unique(values)
    if not len(distinct):
        raise ValueError("A reference without a single value has no bins.")
    if len(distinct) <= FEW_VALUES and not resolution:
        return np.concatenate([[np.nextafter(distinct[0], -np.inf)], distinct])
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return _apart(edges, resolution) if resolution else edges


def bin_shares(values: ArrayLike, edges: Edges) -> NDArray[np.float64]:
    """Share of `values` in each bin, none of them zero (half a row is added to each)."""
    known = _known(values)
    counts = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1) + 0.5
    return counts / counts.sum()


def psi(reference: ArrayLike, current: ArrayLike, edges: Edges) -> float:
    """Population stability index: the sum over bins of (q - p) ln(q / p), 0 where they are alike.

    Customary reading: under 0.1 stable, over 0.25 shifted (Siddiqi, Credit Risk Scorecards, 2006).
    """
    p, q = bin_shares(reference, edges), bin_shares(current, edges)
    return float(np.sum((q - p) * np.log(q / p)))


def psi_by_chance(reference: int, current: int, edges: Edges, level: float = 0.999) -> float:
    """The index that two samples of the same world exceed with probability 1 - level.

    Between samples of n and m rows in B bins it is about (1/n + 1/m) times a chi-squared variable
    with B - 1 degrees of freedom (Yurdakul and Naranjo 2020, Journal of Risk Model Validation).
    """
    from scipy.stats import chi2

    return float(chi2.ppf(level, len(edges)) * (1 / reference + 1 / current))


def _known(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[np.isfinite(array)]


def _apart(edges: Edges, resolution: float) -> Edges:
    kept = [max(float(edges[0]), resolution)]
    for edge in edges[1:]:
        if edge - kept[-1] >= resolution:
            kept.append(float(edge))
    return np.asarray(kept)
