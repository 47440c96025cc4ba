"""A frame is split by time, and what is told of merchants comes from the training window."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.errors import FinloopError
from components.common.frame import read_frame
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN
from components.recommendation.interactions import (
    history_of,
    read_merchants,
    read_profiles,
    write_frame,
)
from tests.recommendation_company import Company


@pytest.fixture(scope="module")
def rows(shops: Company) -> pd.DataFrame:
    return read_frame(shops.frame).rows


def test_each_window_holds_its_own_payments(shops: Company, rows: pd.DataFrame) -> None:
    windows = shops.windows
    bounds = {
        TRAIN: (None, windows.calibration_from),
        CALIBRATION: (windows.calibration_from, windows.gap_from),
        TEST: (windows.test_from, windows.test_until),
    }
    for split, (since, until) in bounds.items():
        mine = rows[rows[SPLIT] == split]
        paid = shops.payments[shops.payments["event_timestamp"] < until]
        if since is not None:
            assert mine["first"].min() >= since
            paid = paid[paid["event_timestamp"] >= since]
        assert mine["last"].max() < until
        assert mine["count"].sum() == len(paid)


def test_new_is_what_nobody_paid_before(rows: pd.DataFrame) -> None:
    earlier = set()
    for split in (TRAIN, CALIBRATION, TEST):
        mine = rows[rows[SPLIT] == split]
        pairs = list(zip(mine["user_id"], mine["merchant_id"], strict=True))
        assert [pair not in earlier for pair in pairs] == mine["is_new"].tolist()
        earlier |= set(pairs)
    assert rows[rows[SPLIT] == TEST]["is_new"].any()


def test_a_history_adds_up(rows: pd.DataFrame) -> None:
    whole = history_of(rows, TRAIN, CALIBRATION)
    assert whole["count"].sum() == rows[rows[SPLIT] != TEST]["count"].sum()
    assert not whole[["user_id", "merchant_id"]].duplicated().any()


def test_content_of_merchants_knows_nothing_of_later(shops: Company) -> None:
    merchants = read_merchants(shops.frame).set_index("merchant_id")
    before = shops.payments[shops.payments["event_timestamp"] < shops.windows.calibration_from]
    expected = before.groupby("merchant_id")["user_id"].nunique().reindex(merchants.index)
    np.testing.assert_array_equal(merchants["users"], expected.fillna(0))
    assert merchants["category"].notna().all()


def test_profiles_are_of_the_beginning_of_the_test(shops: Company) -> None:
    profiles = read_profiles(shops.frame)
    assert (profiles["event_timestamp"] == shops.windows.test_from).all()


def test_a_window_without_a_payment_is_too_little_history(shops: Company, tmp_path: Path) -> None:
    since = shops.payments["event_timestamp"].min().to_pydatetime()
    early = replace(shops.windows, calibration_from=since - timedelta(days=1))
    with pytest.raises(FinloopError, match="into the train window") as caught:
        write_frame(shops.settings, early, tmp_path)
    assert caught.value.code == "too_little_history"
