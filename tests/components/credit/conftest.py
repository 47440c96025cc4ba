"""What tests of credit models share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

Table = tuple[pd.DataFrame, np.ndarray]


def lend(count: int, seed: int) -> Table:
    """Applications and whether they defaulted: debt over income, a ratio, a pair and a word."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "debt": random.exponential(20, count).round(1),
            "income": random.lognormal(3, 0.5, count).round(1),
            "months": random.integers(0, 200, count).astype(float),
            "late_1": random.poisson(0.4, count).astype(float),
            "late_2": random.poisson(0.4, count).astype(float),
            "late_3": random.poisson(0.4, count).astype(float),
            "purpose": random.choice(["car", "home", "trip", "study"], count),
        }
    )
    logit = (
        2.5 * np.log1p(frame["debt"] / frame["income"])
        + 0.8 * frame[["late_1", "late_2", "late_3"]].sum(axis=1)
        - 0.006 * frame["months"]
        + frame["purpose"].map({"car": -0.5, "home": -0.5, "trip": 0.8, "study": 0.0})
        - 3.6
    )
    bad = (random.random(count) < 1 / (1 + np.exp(-logit))).astype(int).to_numpy()
    holes = random.random(count) < 0.1
    frame.loc[holes, "months"] = np.nan
    return frame, bad


@pytest.fixture(scope="session")
def lent() -> Table:
    """Applications to learn from."""
    return lend(1500, 0)


@pytest.fixture(scope="session")
def lent_later() -> Table:
    """Applications that came afterwards."""
    return lend(1500, 1)
