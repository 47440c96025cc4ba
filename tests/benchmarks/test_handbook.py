"""One fold of the handbook, on payments whose frauds are known to be easy or hopeless."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from benchmarks.handbook import METRICS, Model, Rows, evaluate_fold
from benchmarks.handbook_split import STARTS, Payments, day_number
from components.fraud import LSTM, XGBOOST
from components.fraud.boosting import BoostingConfig
from components.fraud.sequence import SequenceConfig

START = STARTS[0]
CONFIG = BoostingConfig(rounds=20, learning_rate=0.3, isolation_trees=20)


def payments(days: int = 21, of_a_day: int = 400) -> Rows:
    """Three weeks of payments; one in fifty is a fraud, and a very large one."""
    random = np.random.default_rng(0)
    count = days * of_a_day
    fraud = random.random(count) < 0.02
    frame = pd.DataFrame(
        {
            "amount": np.where(fraud, random.normal(900, 50, count), random.normal(100, 30, count)),
            "noise": random.normal(size=count),
        }
    )
    day = np.repeat(np.arange(days), of_a_day) + day_number(START)
    return Rows(frame, Payments(np.arange(count), day, fraud))


@pytest.fixture(scope="module")
def rows() -> Rows:
    return payments()


def fold(rows: Rows, inputs: tuple[str, ...], config: BoostingConfig, start: date = START):
    said: list[str] = []
    return evaluate_fold(rows, "7d", Model(inputs, config), start, said.append), said


def test_the_artifact_and_its_forest_are_measured_each_alone(rows: Rows) -> None:
    members, said = fold(rows, ("amount", "noise"), CONFIG)
    assert set(members) == {XGBOOST.name, "isolation-forest"}
    assert all(set(values) == set(METRICS) for values in members.values())
    assert members[XGBOOST.name]["average_precision"] > 0.99
    assert members["isolation-forest"]["roc_auc"] > 0.9
    test = rows.payments.fraud[-7 * 400 :]
    assert f"test {len(test):,} / {test.sum():,}" in said[0]


def test_what_says_nothing_ranks_nothing(rows: Rows) -> None:
    members, _ = fold(rows, ("noise",), CONFIG.model_copy(update={"isolation_trees": 0}))
    assert set(members) == {XGBOOST.name}
    assert members[XGBOOST.name]["average_precision"] < 0.1


def test_every_member_and_the_blend_are_measured(rows: Rows) -> None:
    network = SequenceConfig(first_units=4, second_units=4, dense_units=4, epochs=2, batch=64)
    inputs = ("amount", "noise")
    members = evaluate_fold(rows, "7d", Model(inputs, CONFIG, network, inputs), START, print)
    assert set(members) == {XGBOOST.name, "isolation-forest", LSTM.name, "blend"}
    assert members[LSTM.name]["roc_auc"] > 0.95
    assert members["blend"]["roc_auc"] > 0.99
