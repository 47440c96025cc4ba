"""Logistic regression whose weights are never negative, so that the order of the bins is kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def fit_logit(evidence: Floats, bad: Floats, *, l2: float) -> Floats:
    """Intercept and weights ≥ 0 [1 + f] of least penalised log loss on evidence [n, f].

    Loss: Σ ln(1 + eᵐ) − y·m + l2/2 · Σ w², with m = w₀ + evidence · w and w₀ free.
    """
    from scipy.optimize import minimize

    count, width = evidence.shape

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = weights[0] + evidence @ weights[1:]
        error = _sigmoid(margin) - bad
        value = np.logaddexp(0.0, margin).sum() - bad @ margin
        slope = np.append(error.sum(), evidence.T @ error + l2 * weights[1:])
        return (value + 0.5 * l2 * weights[1:] @ weights[1:]) / count, slope / count

    start = np.append(np.log(bad.mean() / (1 - bad.mean())), np.full(width, 0.3))
    bounds = [(None, None), *[(0.0, None)] * width]
    options = {"maxiter": 300}
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x


def probabilities(evidence: Floats, weights: Floats) -> Floats:
    """Probabilities [n] of evidence [n, f]."""
    return _sigmoid(weights[0] + evidence @ weights[1:])


def _sigmoid(margin: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -margin))
