"""One probability from the calibrated probabilities of several models, whichever of them answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.common.errors import refused

Floats = npt.NDArray[np.float64]

PRIOR_STRENGTH = 1.0
"""Weight of the prior towards the even blend, in units of one squared parameter; it decides only
where the rows hold next to no frauds."""
LEAST = 1e-9
"""Probabilities are kept this far from 0 and 1."""


@dataclass(frozen=True)
class Blend:
    """p = σ(c + Σ wᵢ·logit(pᵢ)) over members i with wᵢ ≥ 0: a logistic regression on log-odds.

    Non-negative weights, so that no member that sees more risk ever lowers it. Where a member is
    missing, the one that is there and weighs most answers alone: it is calibrated by itself.
    "Stacked generalization", Wolpert 1992; Breiman, "Stacked regressions", 1996.
    """

    weights: Mapping[str, float]
    """Name of the member → weight."""
    bias: float = 0.0

    @classmethod
    def fit(cls, said: Mapping[str, Floats], label: npt.ArrayLike) -> Blend:
        """The blend of least log loss on probabilities [n] by member and labels [n].

        The rows must be later than anything that the members have learnt. Raises
        `FinloopError("one_class")` where the labels are all the same.
        """
        from scipy.optimize import minimize

        y = np.asarray(label, dtype=np.float64)
        if len(np.unique(y)) < 2:
            raise refused("one_class", "The blend needs frauds and genuine payments to be fitted.")
        odds = np.stack([log_odds(values) for values in said.values()], axis=1)
        even = np.append(np.full(odds.shape[1], 1 / odds.shape[1]), 0.0)

        def loss(parameters: Floats) -> tuple[float, Floats]:
            logit = odds @ parameters[:-1] + parameters[-1]
            error = _sigmoid(logit) - y
            away = parameters - even
            value = np.sum(np.logaddexp(0.0, logit) - y * logit) + PRIOR_STRENGTH * away @ away
            return value, np.append(error @ odds, error.sum()) + 2 * PRIOR_STRENGTH * away

        bounds = [(0.0, 10.0)] * odds.shape[1] + [(-30.0, 30.0)]
        found = minimize(loss, even, jac=True, method="L-BFGS-B", bounds=bounds).x
        return cls(dict(zip(said, map(float, found[:-1]), strict=True)), float(found[-1]))

    def apply(self, said: Mapping[str, Floats]) -> Floats:
        """Blended probabilities [n]; a member that is missing for all rows is left out."""
        if set(self.weights) <= set(said):
            logit = sum(w * log_odds(said[name]) for name, w in self.weights.items())
            return _sigmoid(np.asarray(logit + self.bias))
        return np.asarray(said[self.leader(tuple(said))], dtype=np.float64)

    def leader(self, present: Sequence[str]) -> str:
        """The member that answers alone where not all are present."""
        return max(present, key=lambda name: self.weights.get(name, -1.0))


def log_odds(probability: npt.ArrayLike) -> Floats:
    """ln(p / (1 − p)), finite for every p in [0, 1]."""
    p = np.clip(np.asarray(probability, dtype=np.float64), LEAST, 1 - LEAST)
    return np.log(p) - np.log1p(-p)


def _sigmoid(logit: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -logit))
