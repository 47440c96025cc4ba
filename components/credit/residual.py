"""What a scorecard of single columns leaves unexplained, and how much of it something explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix
from components.credit.binning import BinningConfig, learn_steps
from components.credit.logit import fit_logit, probabilities

Floats = npt.NDArray[np.float64]
CELLS = 16
"""Quantile bins in which a new column is tried."""
PRIOR = 20.0
"""Information (sum of p(1 − p)) of the prior that a cell tells nothing."""


@dataclass(frozen=True)
class Residual:
    """Error y − p [n] and variance p(1 − p) [n] of a logistic regression on weights of evidence."""

    error: Floats
    variance: Floats
    strength: Floats
    """Standard deviation of each column's weight of evidence [f]: how much it says by itself."""

    @classmethod
    def of(cls, rows: Matrix, bad: Floats) -> Residual:
        """What is left of `bad` [n] after every column of the rows [n, f] has spoken."""
        config = BinningConfig()
        steps = [learn_steps(column, bad, config) for column in rows.T]
        evidence = np.column_stack(
            [one.apply(column) for one, column in zip(steps, rows.T, strict=True)]
        )
        weights = fit_logit(evidence, bad, l2=30.0)
        probability = probabilities(evidence, weights)
        spread = probability * (1 - probability)
        return cls(bad - probability, spread, evidence.std(axis=0))

    def gain(self, column: Matrix) -> float:
        """How much a new column [n] explains: Σ over its bins (Σ error)² / (Σ variance + prior)."""
        return self.gain_of_cells(quantile_cells(column, quantile_edges(column, CELLS)))

    def gain_of_cells(self, cells: npt.NDArray[np.intp], prior: float = PRIOR) -> float:
        """The same for a column that is a number of a cell [n]."""
        error, variance = np.bincount(cells, self.error), np.bincount(cells, self.variance)
        return float((error**2 / (variance + prior)).sum())

    def cell_steps(
        self, cells: npt.NDArray[np.intp], shape: tuple[int, int], prior: float
    ) -> tuple[Floats, Floats]:
        """A Newton step of the log-odds in each cell, and the rows in it, both of that shape."""
        size = shape[0] * shape[1]
        error = np.bincount(cells, self.error, size)
        variance = np.bincount(cells, self.variance, size)
        counts = np.bincount(cells, minlength=size).astype(np.float64)
        return (error / (variance + prior)).reshape(shape), counts.reshape(shape)


def quantile_edges(column: Matrix, bins: int) -> Matrix:
    """Upper edges of at most `bins` bins of equally many values."""
    known = column[~np.isnan(column)]
    if not len(known):
        return known
    cuts = np.linspace(0, 1, bins + 1)[1:-1]
    return np.unique(np.quantile(known, cuts, method="lower"))


def quantile_cells(column: Matrix, edges: Matrix) -> npt.NDArray[np.intp]:
    """The bin of each value [n], nulls in one behind the others."""
    return np.where(np.isnan(column), len(edges) + 1, np.searchsorted(edges, column))
