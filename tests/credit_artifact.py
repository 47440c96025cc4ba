"""A small real artifact of the credit model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from components.common.artifact import Scorer, matrix
from components.common.evidence import write_reference, write_sample
from components.credit.choosing import choose
from components.credit.features import MODEL_INPUT
from components.credit.training import ScoringConfig

ROWS, EARLIER = 900, 700


def make_applications(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Applications of which those with debt, small incomes and large loans default."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(
        rng.lognormal(size=(ROWS, len(MODEL_INPUT))), columns=pd.Index(MODEL_INPUT, dtype=str)
    )
    x["annual_income"] = rng.lognormal(17.4, 0.5, ROWS)
    x["loan_amount"] = x["annual_income"] * rng.lognormal(-1.4, 0.5, ROWS)
    x["loan_to_income"] = x["loan_amount"] / x["annual_income"]
    x["term_months"] = rng.choice([12.0, 24.0, 36.0], ROWS)
    x["employment_months"] = rng.integers(0, 200, ROWS).astype(float)
    x["bureau_score"] = rng.normal(700, 80, ROWS)
    x["existing_loans"] = rng.poisson(1.2, ROWS).astype(float)
    x["debt_to_income"] = rng.exponential(0.3, ROWS)
    risk = (
        2 * x["debt_to_income"]
        + 2 * x["loan_to_income"]
        - np.log(x["annual_income"] / 4e7)
        - (x["bureau_score"] - 700) / 80
        + 0.5 * x["existing_loans"]
        - 2.8
    )
    return x, (rng.random(ROWS) < 1 / (1 + np.exp(-risk))).to_numpy(int)


def write_credit_artifact(directory: Path, seed: int = 0, kind: str = "scorecard") -> Path:
    """An artifact of one kind of model at its usual configuration."""
    return _write(directory, *make_applications(seed), seed, kind)


def write_credit_candidate(directory: Path, seed: int = 0, *, inverted: bool = False) -> Path:
    """A model with its evidence, as training leaves it; `seed` is that of the model, which learns
    from the same applications as every other one.

    An `inverted` one took loans that were repaid for those that defaulted.
    """
    x, y = make_applications()
    _write(directory, x, 1 - y if inverted else y, seed, "scorecard")
    scorer = Scorer.load(directory)
    write_reference(directory, scorer, x)
    write_sample(directory, scorer, x, scorer.score(matrix(x, scorer.inputs)))
    return directory


def _write(directory: Path, x: pd.DataFrame, y: np.ndarray, seed: int, kind: str) -> Path:
    config = ScoringConfig(kinds=kind, trials=0, folds=2, tuning_seconds=0, seed=seed)
    earlier, later = slice(EARLIER), slice(EARLIER, None)
    chosen = choose((x[earlier], y[earlier]), (x[later], y[later]), config.choosing)
    chosen.fitted.export(directory)
    config.write(directory)
    return directory
