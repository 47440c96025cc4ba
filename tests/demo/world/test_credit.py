"""Defaults depend on income, on history and on behaviour; the bureau and loans make sense."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from demo.world import World, WorldConfig
from demo.world.credit import TERMS, lend, report
from demo.world.people import settle
from demo.world.shops import CATEGORY, open_shops

CONFIG = WorldConfig(users=20_000, merchants=100, days=60, seed=5)


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    """Loans of many people, with what is known of them."""
    people = settle(CONFIG, open_shops(CONFIG))
    bureau = report(CONFIG, people)
    made = lend(CONFIG, people, bureau)
    rows = pd.DataFrame(
        {"user": made.user, "amount": made.amount, "defaulted": made.defaulted.astype(float)}
    )
    file = pd.DataFrame({"user": bureau.user, "score": bureau.score, "debt": bureau.debt})
    gaming = np.diff(people.taste, prepend=0)[:, CATEGORY["gaming"]]
    return rows.merge(file.groupby("user").mean(), on="user", how="left").assign(
        income=people.income[rows["user"]], gaming=gaming[rows["user"]]
    )


def _rate(loans: pd.DataFrame, by: pd.Series) -> pd.Series:
    return (
        loans["defaulted"]
        .groupby(pd.qcut(by, 3, labels=["low", "middle", "high"]), observed=True)
        .mean()
    )


def test_some_loans_default(loans: pd.DataFrame) -> None:
    assert 0.03 < loans["defaulted"].mean() < 0.15


@pytest.mark.parametrize(
    ("column", "riskier", "factor"),
    [("income", "low", 1.8), ("score", "low", 1.8), ("debt", "high", 1.2), ("gaming", "high", 1.2)],
)
def test_the_risk_follows(loans: pd.DataFrame, column: str, riskier: str, factor: float) -> None:
    rate = _rate(loans, loans[column])
    safer = "high" if riskier == "low" else "low"
    assert rate[riskier] > factor * rate[safer]


def test_a_heavier_burden_is_riskier(loans: pd.DataFrame) -> None:
    rate = _rate(loans, loans["amount"] / loans["income"])
    assert rate["high"] > 1.2 * rate["low"]


def test_loans_are_asked_for_after_joining_and_end_later(drifted: World) -> None:
    asked = drifted.tables["loans"].to_pandas()
    ended = drifted.tables["loan_outcomes"].to_pandas()
    joined = drifted.tables["users"].to_pandas().groupby("user_id")["event_timestamp"].min()
    assert (asked["event_timestamp"] > asked["user_id"].map(joined)).all()
    both = asked.merge(ended, on="application_id")
    assert len(both) == len(asked) == len(ended)
    assert (both["outcome_timestamp"] > both["event_timestamp"]).all()
    assert asked["term_months"].isin(TERMS).all()


def test_the_bureau_reports_every_quarter(drifted: World) -> None:
    file = drifted.tables["bureau"].to_pandas()
    assert file["event_timestamp"].nunique() == 5
    newest = file.groupby("user_id")["event_timestamp"].max()
    assert newest.nunique() == 1
    assert 0.001 < file["bureau_score"].isna().mean() < 0.2
