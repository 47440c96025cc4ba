"""A small real artifact of the credit model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from components.common.artifact import matrix
from components.credit.decision import Policy
from components.credit.features import MODEL_INPUT
from components.credit.logistic import Logistic


def write_credit_artifact(directory: Path, seed: int = 0) -> Path:
    """An artifact by which debt and small incomes default."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(
        rng.normal(size=(600, len(MODEL_INPUT))), columns=pd.Index(MODEL_INPUT, dtype=str)
    )
    x["annual_income"] = rng.lognormal(17.4, 0.5, len(x))
    x["debt_to_income"] = rng.exponential(0.3, len(x))
    risk = 2 * x["debt_to_income"] - np.log(x["annual_income"] / 4e7) - 1
    y = (rng.random(len(x)) < 1 / (1 + np.exp(-risk))).to_numpy(int)
    rows = matrix(x, MODEL_INPUT)
    model = Logistic(MODEL_INPUT, 0.1).fit(rows[:400], y[:400], (rows[400:], y[400:]))
    directory.mkdir(parents=True)
    model.export(directory)
    Policy().write(directory)
    return directory
