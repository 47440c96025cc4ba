"""Credit features against a slow reference, strictly before the application."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from components.credit.features import TABLES, build_feature_tables
from components.credit.features.spending import CREDIT_SPENDING, DAYS
from demo.world import World, WorldConfig, known_by, simulate

ZONE = ZoneInfo("Asia/Seoul")
NOW = datetime(2025, 3, 20, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)
EXACT = 1e-9


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(WorldConfig(users=60, merchants=20, days=130, seed=9, start=date(2025, 1, 1)))


@pytest.fixture(scope="module")
def built(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    return build(world, tmp_path_factory.mktemp("built"))


def build(world: World, folder: Path) -> dict[str, pd.DataFrame]:
    """The feature tables of a company by name."""
    for name, table in world.tables.items():
        (folder / "lake" / name).mkdir(parents=True)
        pq.write_table(table, folder / "lake" / name / "part.parquet")
    made = build_feature_tables(folder / "lake", folder / "out", ZONE.key)
    return {name: pd.read_parquet(path) for name, path in made.items()}


def midnight_of(moment: pd.Timestamp) -> pd.Timestamp:
    return moment.tz_convert(ZONE).normalize()


def reference(paid: pd.DataFrame, midnight: pd.Timestamp) -> dict[str, float]:
    """Spending of one person's payments before a midnight, the slow way."""
    local = paid["event_timestamp"].dt.tz_convert(ZONE)
    seen = (local < midnight) & (local >= midnight - DAYS * DAY)
    rows, local = paid[seen], local[seen]
    if rows.empty:
        return {"spend_count": 0.0}
    amount, days_ago = rows["amount"], (midnight - local.dt.normalize()).dt.days - 1
    month = days_ago // 30
    totals = [float(amount[month == number].sum()) for number in range(int(month.max()) + 1)]
    daily = amount.groupby(local.dt.date).sum()
    share = rows["category"].dropna().value_counts(normalize=True)
    found = {
        "spend_count": float(len(rows)),
        "spend_mean": amount.mean(),
        "spend_std": amount.std(),
        "spend_max": amount.max(),
        "spend_total": amount.sum(),
        "spend_daily_mean": daily.mean(),
        "spend_daily_max": daily.max(),
        "spend_merchants": float(rows["merchant_id"].nunique()),
        "spend_top_merchant_share": rows["merchant_id"].value_counts().max() / len(rows),
        "spend_night_share": float((local.dt.hour < 6).mean()),
        "spend_category_entropy": float(-(share * np.log(share)).sum()),
    }
    if len(totals) > 1:
        mean, older = np.mean(totals), np.mean(totals[1:])
        found["spend_monthly_stability"] = mean / (mean + np.std(totals))
        found["spend_trend"] = (totals[0] - older) / (totals[0] + older)
    return found


def test_spending_is_what_a_slow_reference_says(
    world: World, built: dict[str, pd.DataFrame]
) -> None:
    payments = world.tables["transactions"].to_pandas()
    rows = built["credit_spending"]
    rows = rows[rows["spend_count"] > 0].sample(60, random_state=1)
    assert (rows["spend_trend"].notna()).sum() > 10
    for row in rows.to_dict("records"):
        paid = payments[payments["user_id"] == row["user_id"]]
        expected = reference(paid, midnight_of(row["event_timestamp"]))
        actual = [row[name] for name in CREDIT_SPENDING.names]
        wanted = [expected.get(name, np.nan) for name in CREDIT_SPENDING.names]
        np.testing.assert_allclose(actual, wanted, equal_nan=True, rtol=1e-7, atol=1e-7)


def test_every_application_has_the_row_of_its_midnight(
    world: World, built: dict[str, pd.DataFrame]
) -> None:
    loans = world.tables["loans"].to_pandas()
    newest = world.tables["transactions"]["event_timestamp"].to_pandas().max()
    rows = built["credit_spending"].set_index(["user_id", "event_timestamp"]).index
    asked = loans[loans["event_timestamp"] <= newest]
    wanted = [
        (user, midnight_of(moment).tz_convert("UTC"))
        for user, moment in zip(asked["user_id"], asked["event_timestamp"], strict=True)
    ]
    assert len(wanted) > 100
    assert not [one for one in wanted if one not in rows]


def test_what_was_told_holds_from_the_midnight_after(
    world: World, built: dict[str, pd.DataFrame]
) -> None:
    told = (
        world.tables["users"]
        .to_pandas()
        .assign(moment=lambda rows: rows["event_timestamp"].map(midnight_of) + DAY)
    )
    profiles = built["credit_profile"]
    merged = profiles.merge(
        told.assign(event_timestamp=told["moment"].dt.tz_convert("UTC")),
        on=["user_id", "event_timestamp"],
        suffixes=("", "_told"),
    )
    assert len(merged) == len(profiles)
    np.testing.assert_allclose(
        merged["annual_income"], merged["annual_income_told"].astype(float), equal_nan=True
    )
    assert set(profiles["education_level"].dropna()) == {2.0, 3.0, 4.0, 5.0}


def test_an_application_is_set_against_the_income_known_before(
    world: World, built: dict[str, pd.DataFrame]
) -> None:
    known = built["credit_profile"].sort_values("event_timestamp")
    loans = world.tables["loans"].to_pandas().sort_values("event_timestamp")
    expected = pd.merge_asof(
        loans,
        known[["user_id", "event_timestamp", "annual_income", "birth_year"]],
        on="event_timestamp",
        by="user_id",
    ).set_index("application_id")
    rows = built["credit_application"].set_index("application_id")
    expected = expected.loc[rows.index]
    np.testing.assert_allclose(
        rows["loan_to_income"],
        expected["amount"] / expected["annual_income"],
        rtol=EXACT,
        atol=EXACT,
    )
    year = expected["event_timestamp"].dt.tz_convert(ZONE).dt.year
    np.testing.assert_allclose(rows["age"], year - expected["birth_year"], rtol=EXACT, atol=EXACT)


def test_the_future_changes_no_row_of_the_past(
    world: World, built: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    then = build(known_by(world, NOW), tmp_path)
    for name, before in then.items():
        key = [before.columns[0], "event_timestamp"]
        rows = before.merge(built[name], on=key, suffixes=("", "_later"))
        served = name == "credit_spending"  # the newest midnight is made for everybody
        today = midnight_of(pd.Timestamp(NOW)).tz_convert("UTC")
        asked = before[before["event_timestamp"] < today] if served else before
        assert len(rows) >= len(asked) > 10, name
        for feature in next(table for table in TABLES if table.name == name).names:
            np.testing.assert_allclose(
                rows[feature], rows[f"{feature}_later"], rtol=EXACT, atol=EXACT
            )
        assert len(built[name]) > len(before), name


def test_a_company_that_does_not_lend_has_empty_tables(tmp_path: Path) -> None:
    made = build_feature_tables(tmp_path / "lake", tmp_path / "out", ZONE.key)
    for table in TABLES:
        rows = pd.read_parquet(made[table.name])
        assert len(rows) == 0
        assert list(rows.columns)[3:] == list(table.names)
