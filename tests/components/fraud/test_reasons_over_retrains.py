"""The same payment has the same reasons from one training to the next, unless the model changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.artifact import Scorer, matrix
from components.fraud.boosting import Boosting, BoostingConfig
from components.fraud.features import MODEL_INPUT
from components.fraud.reasons import explain

KINDS = {
    "AMOUNT_UNUSUAL": ("amount_zscore_last_64", "amount_to_max_last_64"),
    "PAYMENT_PACE": ("count_last_1h", "amount_sum_last_1h"),
    "MERCHANT_FRAUD": ("merchant_frauds_7d", "merchant_frauds_30d"),
}
"""Reason → the inputs by which a kind of fraud shows, in the payments of these tests."""
INPUTS = pd.Index(MODEL_INPUT, dtype=str)
STOPPED = 0.3


def payments(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Payments, whether each is fraud, and of which kind; nothing but its inputs show a kind."""
    draw = np.random.default_rng(seed)
    x = pd.DataFrame(draw.normal(size=(rows, len(INPUTS))), columns=INPUTS)
    is_fraud = draw.random(rows) < 0.1
    kind = np.where(is_fraud, draw.integers(0, len(KINDS), rows), -1)
    for number, names in enumerate(KINDS.values()):
        for name in names:
            x[name] += np.where(kind == number, 4.0, 0.0)
    return x, is_fraud.astype(int), kind


def trained(folder: Path, rows: int, seed: int, *, leave_out: str | None = None) -> Path:
    """An exported model of the first rows of one history; `leave_out` hides one kind of fraud."""
    x, y, _ = payments(8_000, seed=1)
    x, y = x[:rows].copy(), y[:rows]
    for name in KINDS.get(leave_out or "", ()):
        x[name] = 0.0
    config = BoostingConfig(rounds=60, learning_rate=0.2, refit=False, seed=seed)
    Boosting(config).fit(x, y).export(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("retrains")
    return {
        "first": trained(folder / "first", 7_000, 0),
        "other seed": trained(folder / "seed", 7_000, 5),
        "some days more": trained(folder / "days", 8_000, 7),
        "another model": trained(folder / "other", 7_000, 0, leave_out="AMOUNT_UNUSUAL"),
    }


@pytest.fixture(scope="module")
def asked() -> tuple[pd.DataFrame, np.ndarray]:
    """New payments, and the kind of fraud of each."""
    x, _, kind = payments(1_000, seed=2)
    return x, kind


def stopped(models: dict[str, Path], names: list[str], x: pd.DataFrame) -> np.ndarray:
    """Rows that every one of the models stops."""
    scorers = [Scorer.load(models[name]) for name in names]
    scores = [scorer.score(matrix(x, scorer.inputs)) for scorer in scorers]
    return np.flatnonzero(np.min(scores, axis=0) >= STOPPED)


def codes(model: Path, x: pd.DataFrame, rows: np.ndarray) -> list[list[str]]:
    return [
        [reason.code for reason in explain(model, matrix(x[at : at + 1], MODEL_INPUT))]
        for at in rows
    ]


@pytest.mark.parametrize("again", ["other seed", "some days more"])
def test_the_reasons_of_a_payment_stay(
    models: dict[str, Path], asked: tuple[pd.DataFrame, np.ndarray], again: str
) -> None:
    x, _ = asked
    rows = stopped(models, ["first", again], x)
    assert len(rows) > 50
    before, after = (codes(models[name], x, rows) for name in ("first", again))
    assert np.mean([one[0] == other[0] for one, other in zip(before, after, strict=True)]) > 0.97
    assert np.mean([set(one) == set(two) for one, two in zip(before, after, strict=True)]) > 0.9


def test_they_say_what_was_wrong(
    models: dict[str, Path], asked: tuple[pd.DataFrame, np.ndarray]
) -> None:
    x, kind = asked
    rows = stopped(models, ["first"], x)
    rows = rows[kind[rows] >= 0]
    planted = [list(KINDS)[number] for number in kind[rows]]
    said = codes(models["first"], x, rows)
    assert np.mean([one[0] == cause for one, cause in zip(said, planted, strict=True)]) > 0.97


def test_they_change_with_what_the_model_knows(
    models: dict[str, Path], asked: tuple[pd.DataFrame, np.ndarray]
) -> None:
    """A model that never saw unusual amounts cannot give them as a reason."""
    x, kind = asked
    rows = np.flatnonzero(kind == 0)
    before, after = (codes(models[name], x, rows) for name in ("first", "another model"))
    assert np.mean([one[0] == "AMOUNT_UNUSUAL" for one in before]) > 0.9
    assert np.mean([set(one) == set(two) for one, two in zip(before, after, strict=True)]) < 0.5
