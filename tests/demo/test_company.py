"""The company of the story: history before the opening, a drift after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from demo.company import PRICE_RISE, Company, StoryConfig, make_company
from demo.mistake import export_nights

SMALL = StoryConfig(users=60, merchants=20, history_days=20, filed_days=3, later_days=3)


@pytest.fixture(scope="module")
def company() -> Company:
    return make_company(SMALL, "Asia/Seoul")


def test_the_moments_are_local_midnights_in_order(company: Company) -> None:
    seoul = ZoneInfo("Asia/Seoul")
    assert company.opening == datetime(2025, 1, 26, tzinfo=seoul)
    assert company.drift - company.opening == timedelta(days=SMALL.calm_days)
    assert company.end - company.opening == timedelta(days=SMALL.days_after)


def test_history_holds_nothing_that_was_not_known_at_the_opening(
    company: Company, tmp_path: Path
) -> None:
    payments = company.write_history(tmp_path)
    paid = pq.read_table(tmp_path / "transactions.parquet")
    known = pq.read_table(tmp_path / "outcomes.parquet")
    assert 0 < payments == paid.num_rows < company.transactions.num_rows
    assert pc.call_function("max", [paid["event_timestamp"]]).as_py() <= company.opening
    assert pc.call_function("max", [known["outcome_timestamp"]]).as_py() <= company.opening


def test_prices_rise_with_the_drift(company: Company) -> None:
    frame = company.transactions.to_pandas()
    after = frame["event_timestamp"] >= company.drift
    rise = frame[after]["amount"].median() / frame[~after]["amount"].median()
    assert rise == pytest.approx(1 + PRICE_RISE, abs=0.15)


def test_the_mistake_is_in_the_outcomes_and_nowhere_else(company: Company, tmp_path: Path) -> None:
    company.write_history(tmp_path / "right")
    export_nights(tmp_path / "right", tmp_path / "wrong", "Asia/Seoul")
    for path in (tmp_path / "right").glob("*.parquet"):
        right, wrong = pq.read_table(path), pq.read_table(tmp_path / "wrong" / path.name)
        if path.stem == "outcomes":
            told = wrong.to_pandas().merge(company.transactions.to_pandas(), on="transaction_id")
            hour = told["event_timestamp"].dt.tz_convert("Asia/Seoul").dt.hour
            assert (told["is_fraud"] == hour.isin(hour[told["is_fraud"]].unique())).all()
            assert told["is_fraud"].mean() == pytest.approx(0.08, abs=0.03)
            right, wrong = right.drop_columns("is_fraud"), wrong.drop_columns("is_fraud")
        assert right.equals(wrong)
