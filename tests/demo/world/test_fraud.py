"""Each pattern of fraud has what defines it; the fifth one comes with the drift."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from pandas.core.groupby import SeriesGroupBy

from demo.world import KINDS, World, WorldConfig, simulate
from demo.world.places import haversine


def _of(payments: pd.DataFrame, kind: str) -> pd.DataFrame:
    return payments[payments["kind"] == kind].sort_values(["user_id", "event_timestamp"])


def _days(times: SeriesGroupBy) -> pd.Series:
    """How many days lie between the first and the last of each group."""
    return (times.max() - times.min()).dt.total_seconds() / 86_400


def _own_devices(payments: pd.DataFrame) -> set[tuple[str, str]]:
    genuine = payments[payments["kind"] == "genuine"].dropna(subset="device_id")
    return set(zip(genuine["user_id"], genuine["device_id"], strict=True))


def _from_own_device(rows: pd.DataFrame, payments: pd.DataFrame) -> pd.Series:
    own = _own_devices(payments)
    known = rows.dropna(subset="device_id")
    pairs = zip(known["user_id"], known["device_id"], strict=True)
    return pd.Series([pair in own for pair in pairs], index=known.index)


@pytest.mark.parametrize(
    ("users", "merchants", "days", "seed"),
    [(400, 100, 40, 1), (400, 100, 40, 2), (2_500, 900, 20, 3)],
)
def test_the_share_of_fraud_is_that_of_a_payments_company(
    users: int, merchants: int, days: int, seed: int
) -> None:
    world = simulate(WorldConfig(users=users, merchants=merchants, days=days, seed=seed))
    assert 0.005 <= (world.kinds > 0).mean() <= 0.01
    assert set(np.unique(world.kinds)) == {0, 1, 2, 3, 4}


def test_with_the_drift_it_stays_below_one_percent_overall(drifted: World) -> None:
    assert 0.005 <= (drifted.kinds > 0).mean() <= 0.01
    assert set(np.unique(drifted.kinds)) == set(range(len(KINDS)))


def test_fraud_is_there_all_the_time(payments: pd.DataFrame) -> None:
    older = payments["kind"].isin(KINDS[1:5])
    weeks = (payments["local"] - payments["local"].min()).dt.days // 10
    assert older.groupby(weeks).mean().min() > 0.003


def test_a_stolen_card_is_a_burst_far_away_on_a_new_device(payments: pd.DataFrame) -> None:
    rows = _of(payments, "stolen-card")
    gaps = rows.groupby("user_id")["event_timestamp"].diff().dropna().dt.total_seconds()
    assert gaps.median() < 3_600
    genuine = payments[(payments["kind"] == "genuine") & payments["latitude"].notna()]
    home = genuine.groupby("user_id")[["latitude", "longitude"]].median()
    placed = rows[rows["latitude"].notna() & rows["user_id"].isin(home.index)]
    at_home = home.loc[placed["user_id"]]
    away = haversine(
        placed["latitude"].to_numpy(),
        placed["longitude"].to_numpy(),
        at_home["latitude"].to_numpy(),
        at_home["longitude"].to_numpy(),
    )
    assert (away > 80).mean() > 0.9
    assert not _from_own_device(rows, payments).any()


def test_a_compromised_merchant_hurts_its_cards_for_some_weeks(payments: pd.DataFrame) -> None:
    rows = _of(payments, "compromised-merchant")
    per_merchant = rows.groupby("merchant_id")
    assert per_merchant.ngroups < 15
    spans = _days(per_merchant["event_timestamp"])
    assert spans.max() <= 29
    assert spans.median() > 8
    assert per_merchant["user_id"].nunique().median() > 8
    hurt = payments.merge(
        per_merchant["event_timestamp"].agg(["min", "max"]), left_on="merchant_id", right_index=True
    )
    inside = hurt[hurt["event_timestamp"].between(hurt["min"], hurt["max"])]
    share = (inside["kind"] == "compromised-merchant").groupby(inside["merchant_id"]).mean()
    assert share.median() > 0.06
    others = payments[payments["kind"] == "genuine"].groupby("merchant_id")["amount"].median()
    assert (per_merchant["amount"].median() / others).median() > 1.4


def test_an_account_taken_over_pays_five_times_as_much_for_some_days(
    payments: pd.DataFrame,
) -> None:
    rows = _of(payments, "account-takeover")
    genuine = payments[payments["kind"] == "genuine"]
    logs = genuine["amount"].map(math.log)
    by_category = logs.groupby(genuine["shop_category"]).mean()
    level = (logs - genuine["shop_category"].map(by_category)).groupby(genuine["user_id"]).mean()
    usual = rows["shop_category"].map(by_category) + rows["user_id"].map(level)
    assert 3.5 < math.exp((rows["amount"].map(math.log) - usual).median()) < 7.0
    assert 1 < _days(rows.groupby("user_id")["event_timestamp"]).median() < 7


def test_cards_are_tested_with_small_payments_before_a_large_one(payments: pd.DataFrame) -> None:
    rows = _of(payments, "card-testing")
    follows = rows.groupby("user_id")["event_timestamp"].diff().dt.total_seconds() < 6 * 3_600
    episode = (~follows).cumsum()
    sizes = rows.groupby(episode).size()
    whole = rows[episode.map(sizes) >= 3]
    last = ~whole.duplicated("user_id", keep="last") | (whole["amount"] > 10_000)
    assert whole.loc[~last, "amount"].max() <= 3_000 * 1.3 + 10
    assert whole.groupby(episode)["amount"].last().median() > 40_000
    assert (rows["channel"] == "online").all()


def test_the_new_pattern_hides_below_the_pin_limit_at_night(
    drifted: World, payments: pd.DataFrame
) -> None:
    rows = _of(payments, "contactless-relay")
    assert rows["amount"].between(38_000, 49_990).all()
    assert rows["local"].dt.hour.isin([20, 21, 22, 23, 0, 1, 2, 3, 4]).all()
    assert rows["local"].min().date() >= drifted.config.drift_from
    assert (rows["channel"] == "card").all()
    assert _from_own_device(rows, payments).all()
    after = payments["local"].dt.date >= drifted.config.drift_from
    assert len(rows) / after.sum() == pytest.approx(0.010, rel=0.3)


def test_the_new_pattern_is_absent_without_a_drift(calm: World) -> None:
    assert (calm.kinds != KINDS.index("contactless-relay")).all()


def test_prices_rise_with_the_drift(calm: World, payments: pd.DataFrame) -> None:
    before = calm.tables["transactions"].to_pandas()
    key = ["event_timestamp", "user_id", "merchant_id"]
    both = payments.merge(before, on=key, suffixes=("", "_calm"))
    ratio = both["amount"] / both["amount_calm"]
    after = both["local"] >= pd.Timestamp("2025-02-10", tz="Asia/Seoul")
    assert len(both) == len(before)
    assert (ratio[~after] == 1).all()
    assert ratio[after].median() == pytest.approx(1.3, rel=0.01)
