"""Outcomes come late, for every payment, and alike for fraud and for the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew

from demo.world import World


@pytest.fixture(scope="module")
def outcomes(drifted: World, payments: pd.DataFrame) -> pd.DataFrame:
    rows = (
        drifted.tables["outcomes"]
        .to_pandas()
        .merge(payments[["transaction_id", "event_timestamp", "kind"]], on="transaction_id")
    )
    rows["days"] = (rows["outcome_timestamp"] - rows["event_timestamp"]) / pd.Timedelta(days=1)
    return rows


def test_every_payment_has_one_true_outcome(outcomes: pd.DataFrame, payments: pd.DataFrame) -> None:
    assert len(outcomes) == len(payments) == outcomes["transaction_id"].nunique()
    assert (outcomes["is_fraud"] == (outcomes["kind"] != "genuine")).all()


def test_delays_are_log_normal_with_a_median_of_seven_days(outcomes: pd.DataFrame) -> None:
    assert outcomes["days"].median() == pytest.approx(7.0, rel=0.03)
    assert outcomes["days"].min() > 0
    assert abs(skew(np.log(outcomes["days"]))) < 0.1


def test_the_delay_does_not_tell_fraud(outcomes: pd.DataFrame) -> None:
    medians = outcomes.groupby("is_fraud")["days"].median()
    assert medians[True] == pytest.approx(medians[False], rel=0.15)


def test_the_source_says_who_reported(outcomes: pd.DataFrame) -> None:
    expected = outcomes["is_fraud"].map({True: "chargeback", False: "settlement"})
    assert (outcomes["source"] == expected).all()
