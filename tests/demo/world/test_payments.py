"""People pay as people do: by day and by week, near home, with their own devices and habits."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from demo.world.places import CITIES, haversine


@pytest.fixture(scope="module")
def genuine(payments: pd.DataFrame) -> pd.DataFrame:
    return payments[payments["kind"] == "genuine"]


def test_the_night_is_quiet_and_mealtimes_are_busy(genuine: pd.DataFrame) -> None:
    hours = genuine["local"].dt.hour.value_counts()
    assert hours[[12, 18, 19]].min() > 10 * hours[[2, 3, 4]].max()


def test_fridays_are_busier_than_sundays(genuine: pd.DataFrame) -> None:
    full_weeks = genuine[
        genuine["local"] < genuine["local"].min().normalize() + pd.Timedelta(days=56)
    ]
    days = full_weeks["local"].dt.dayofweek.value_counts()
    assert days[4] > 1.15 * days[6]
    weekend = full_weeks["local"].dt.dayofweek >= 5
    mornings = (full_weeks["local"].dt.hour < 9).groupby(weekend).mean()
    assert mornings[True] < 0.9 * mornings[False]


def test_amounts_are_log_normal_around_each_user(genuine: pd.DataFrame) -> None:
    amounts = genuine["amount"].groupby(genuine["user_id"])
    often = amounts.transform("size") > 60
    logs = genuine["amount"][often].map(math.log)
    by_user = logs.groupby(genuine["user_id"])
    assert by_user.skew().abs().median() < 0.4
    assert genuine["amount"][often].groupby(genuine["user_id"]).skew().median() > 2
    assert by_user.mean().std() > 0.25


def test_people_have_favourite_merchants(genuine: pd.DataFrame) -> None:
    again = genuine.sort_values("event_timestamp").duplicated(["user_id", "merchant_id"])
    late = genuine.loc[again.index, "local"] > genuine["local"].min() + pd.Timedelta(days=40)
    assert 0.6 < again[late].mean() < 0.98


def test_people_pay_near_home_and_sometimes_travel(genuine: pd.DataFrame) -> None:
    placed = genuine[genuine["latitude"].notna()]
    home = placed.groupby("user_id")[["latitude", "longitude"]].transform("median")
    away = haversine(
        placed["latitude"].to_numpy(),
        placed["longitude"].to_numpy(),
        home["latitude"].to_numpy(),
        home["longitude"].to_numpy(),
    )
    assert np.median(away) < 15
    assert 0.005 < (away > 60).mean() < 0.1


def test_merchants_stand_in_korean_cities(genuine: pd.DataFrame) -> None:
    shops = genuine.drop_duplicates("merchant_id").dropna(subset="shop_latitude")
    nearest = np.min(
        [
            haversine(
                shops["shop_latitude"].to_numpy(),
                shops["shop_longitude"].to_numpy(),
                np.array(city.latitude),
                np.array(city.longitude),
            )
            for city in CITIES
        ],
        axis=0,
    )
    assert nearest.max() < 30


def test_online_merchants_have_genuine_customers(payments: pd.DataFrame) -> None:
    online = payments[payments["shop_latitude"].isna()]
    fraud = (online["kind"] != "genuine").groupby(online["merchant_id"]).mean()
    assert len(fraud) >= 20
    assert fraud.median() < 0.05


def test_most_people_use_one_or_two_devices(genuine: pd.DataFrame) -> None:
    devices = genuine.groupby("user_id")["device_id"].nunique()
    assert 1 <= devices.median() <= 3
    assert 0.05 < genuine["device_id"].isna().mean() < 0.3
    owners = genuine.dropna(subset="device_id").groupby("device_id")["user_id"].nunique()
    assert owners.max() == 1
