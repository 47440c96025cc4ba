"""The story on payments of one's own: who is asked about, what is raised, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from components.common.errors import FinloopError
from components.common.settings import Settings
from demo.company import Company, StoryConfig
from demo.own_data import PRICE_RISE, company_of

NOW = datetime(2025, 1, 1, tzinfo=UTC)
SMALL = StoryConfig(users=3, history_days=10, filed_days=3, drifted_days=1, later_days=2)
DAYS = SMALL.history_days + SMALL.days_after + 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the layout of the handbook: eight customers pay twice a day, always 10."""
    folder = tmp_path_factory.mktemp("handbook")
    rows = pd.DataFrame(
        [
            (day * 100 + hour * 10 + customer, day, hour, customer)
            for day in range(DAYS)
            for hour in (1, 2)
            for customer in range(8)
        ],
        columns=["TRANSACTION_ID", "day", "hour", "CUSTOMER_ID"],
    )
    rows["TX_DATETIME"] = pd.Timestamp("2018-04-01") + pd.to_timedelta(
        rows.pop("day") * 24 + rows.pop("hour"), unit="h"
    )
    rows["TERMINAL_ID"], rows["TX_AMOUNT"], rows["TX_FRAUD"] = rows["CUSTOMER_ID"] % 3, 10.0, 0
    rows.to_parquet(folder / "transactions.parquet")
    return folder


@pytest.fixture(scope="module")
def company(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Company:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    return company_of(data, "fraud-handbook", SMALL, settings, NOW)


def test_everybody_is_in_the_files_and_some_are_asked_about(company: Company) -> None:
    every, asked = company.transactions.to_pandas(), company.asked.to_pandas()
    assert every["user_id"].nunique() == 8
    assert asked["user_id"].nunique() == SMALL.users
    assert set(asked["transaction_id"]) < set(every["transaction_id"])
    assert asked["event_timestamp"].min() >= company.opening
    assert asked["event_timestamp"].is_monotonic_increasing


def test_prices_rise_with_the_drift_for_everybody(company: Company) -> None:
    every = company.transactions.to_pandas()
    after = every["event_timestamp"] >= company.drift
    assert set(every[after]["amount"]) == {round(10.0 * (1 + PRICE_RISE), 2)}
    assert set(every[~after]["amount"]) == {10.0}


def test_the_last_days_are_those_after_the_opening(company: Company) -> None:
    every = company.transactions.to_pandas()["event_timestamp"]
    assert company.end - company.opening == timedelta(days=SMALL.days_after)
    assert company.end - timedelta(days=1) <= every.max() < company.end
    assert every.min() >= company.opening - timedelta(days=SMALL.history_days)


def test_outcomes_without_a_source_can_be_reported(company: Company) -> None:
    assert set(company.outcomes["source"].to_pylist()) == {"import"}


def test_of_many_payments_those_of_some_customers_are_taken(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("demo.own_data.MOST_PAYMENTS", 3 * 2 * DAYS)
    some = company_of(data, "fraud-handbook", SMALL, Settings(home=tmp_path), NOW)
    left = some.transactions.to_pandas()
    assert left["user_id"].nunique() == 4  # as many as it takes to have that many payments
    assert left.groupby("user_id").size().nunique() == 1
    assert "4 of 8 customers" in some.origin


def test_too_few_days_are_refused_in_a_sentence(data: Path, tmp_path: Path) -> None:
    longer = StoryConfig(users=3, history_days=200)
    with pytest.raises(FinloopError, match=f"has {DAYS}") as refused:
        company_of(data, "fraud-handbook", longer, Settings(home=tmp_path), NOW)
    assert refused.value.code == "too_little_data"


def test_a_mapping_that_does_not_fit_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(FinloopError):
        company_of(data, "finloop", SMALL, Settings(home=tmp_path), NOW)
