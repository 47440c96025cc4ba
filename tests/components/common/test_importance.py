"""Shuffling tells what an artifact looks at, without asking how it was made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from components.common.artifact import Scorer
from components.common.importance import permutation_importance
from components.fraud.boosting import Boosting, BoostingConfig

COLUMNS = ["amount", "speed_kmh", "amount_lag_1"]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(draw.normal(size=(3_000, 3)), columns=COLUMNS)
    return frame.assign(is_fraud=frame["amount"] - frame["amount_lag_1"] > 1.5)


@pytest.fixture(scope="module")
def scorer(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = tmp_path_factory.mktemp("artifact")
    Boosting(BoostingConfig(rounds=40)).fit(rows[COLUMNS], rows["is_fraud"]).export(folder)
    return Scorer.load(folder)


def test_what_decides_weighs_and_what_does_not_weighs_nothing(
    scorer: Scorer, rows: pd.DataFrame
) -> None:
    found = permutation_importance(scorer, rows, "is_fraud")
    assert set(found) == {"amount", "speed_kmh"}  # an earlier amount is an amount
    assert found["amount"] > 0.2
    assert abs(found["speed_kmh"]) < 0.02


def test_the_same_rows_give_the_same_numbers(scorer: Scorer, rows: pd.DataFrame) -> None:
    assert permutation_importance(scorer, rows, "is_fraud") == permutation_importance(
        scorer, rows, "is_fraud"
    )


def test_one_class_gives_no_number(scorer: Scorer, rows: pd.DataFrame) -> None:
    found = permutation_importance(scorer, rows[~rows["is_fraud"]], "is_fraud")
    assert all(np.isnan(value) for value in found.values())
