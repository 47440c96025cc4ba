"""From a model's raw margin to a probability that means what it says, with the ranking kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PRIOR_STRENGTH = 1.0
"""Weight of the prior towards the identity, in units of one squared log-parameter; it decides
only where the slice holds next to no positives."""


@dataclass(frozen=True)
class BetaCalibration:
    """p = σ(a·ln σ(m) − b·ln σ(−m) + c) of a margin m, with a, b > 0.

    Strictly increasing in m, so every ranking metric is the same before and after. With a = b it
    is Platt scaling; a ≠ b lets the two tails bend differently. Kull, Silva Filho and Flach,
    "Beta calibration", AISTATS 2017.
    """

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    @classmethod
    def fit(cls, margin: Floats, label: npt.ArrayLike) -> BetaCalibration:
        """The map of least log loss on margins [n] and labels [n] that the model has not seen.

        A weak prior towards the identity keeps it finite where the slice holds one class only.
        """
        from scipy.optimize import minimize

        lower, upper = _tails(np.asarray(margin, dtype=np.float64))
        y = np.asarray(label, dtype=np.float64)

        def loss(parameters: Floats) -> tuple[float, Floats]:
            a, b, c = np.exp(parameters[0]), np.exp(parameters[1]), parameters[2]
            logit = a * lower - b * upper + c
            error = _sigmoid(logit) - y
            value = np.logaddexp(0.0, logit) - y * logit
            slope = np.array([(error @ lower) * a, -(error @ upper) * b, error.sum()])
            penalty = PRIOR_STRENGTH * parameters
            return value.sum() + 0.5 * penalty @ parameters, slope + penalty

        bounds = [(-3, 3), (-3, 3), (-30, 30)]
        found = minimize(loss, np.zeros(3), jac=True, method="L-BFGS-B", bounds=bounds)
        return cls(float(np.exp(found.x[0])), float(np.exp(found.x[1])), float(found.x[2]))

    def apply(self, margin: npt.ArrayLike) -> Floats:
        """Probabilities [n] of margins [n]."""
        lower, upper = _tails(np.asarray(margin, dtype=np.float64))
        return _sigmoid(self.a * lower - self.b * upper + self.c)

    def as_json(self) -> str:
        """The map as one JSON object."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> BetaCalibration:
        """The map that `as_json` wrote."""
        return cls(**json.loads(text))


def _tails(margin: Floats) -> tuple[Floats, Floats]:
    """ln σ(m) and ln σ(−m), without overflow."""
    return -np.logaddexp(0.0, -margin), -np.logaddexp(0.0, margin)


def _sigmoid(logit: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -logit))
