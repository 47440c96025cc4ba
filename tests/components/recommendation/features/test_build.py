"""The feature tables say what was paid by a moment, and nothing of what came later."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from components.recommendation.features import FEATURES, USER_PROFILE, build_feature_tables
from components.recommendation.features.states import EVERYBODY, K
from tests.recommendation_company import Company


@pytest.fixture(scope="module")
def moment(shops: Company) -> datetime:
    """In the middle of what happened."""
    moments = shops.payments["event_timestamp"]
    return moments.iloc[int(0.6 * len(moments))].to_pydatetime()


@pytest.fixture(scope="module")
def tables(
    shops: Company, moment: datetime, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pd.DataFrame]:
    """The tables as of that moment, by name."""
    folder = tmp_path_factory.mktemp("tables")
    made = build_feature_tables(shops.settings.lake, folder, "Asia/Seoul", moment)
    return {name: pd.read_parquet(path) for name, path in made.items()}


def test_every_row_is_of_the_moment(tables: dict[str, pd.DataFrame], moment: datetime) -> None:
    for name, rows in tables.items():
        assert (rows["event_timestamp"] == moment).all(), name
        assert not rows.iloc[:, 0].duplicated().any(), name


def test_a_history_is_what_was_paid_by_then(
    tables: dict[str, pd.DataFrame], shops: Company, moment: datetime
) -> None:
    paid = shops.payments[shops.payments["event_timestamp"] <= moment]
    expected = paid.groupby(["user_id", "merchant_id"])["event_timestamp"].agg(["size", "max"])
    for row in tables["recommendation_user_history"].to_dict("records"):
        told: Any = expected.loc[row["user_id"]]
        counts = dict(zip(row["merchants"], row["counts"], strict=True))
        assert counts == told["size"].to_dict()
        assert len(counts) <= K
        newest = [told["max"][name].value // 1000 for name in row["merchants"]]
        assert list(row["last_paid"]) == newest == sorted(newest, reverse=True)


def test_profiles_count_what_was_paid(
    tables: dict[str, pd.DataFrame], shops: Company, moment: datetime
) -> None:
    rows = tables["recommendation_user_daily"].set_index("user_id")
    paid = shops.payments[shops.payments["event_timestamp"] <= moment].groupby("user_id")
    assert tuple(rows.columns[2:]) == USER_PROFILE
    assert (
        rows["recent_payments"].to_dict() == paid.size().reindex(rows.index, fill_value=0).to_dict()
    )
    assert rows["recent_merchants"].sum() == paid["merchant_id"].nunique().sum()
    assert rows["top_category_share"].dropna().between(0, 1).all()
    assert rows["segment"].between(0, 7).all()
    assert rows["segment"].nunique() > 2


def test_everybody_is_in_a_segment_of_their_own_and_in_the_whole(
    tables: dict[str, pd.DataFrame], shops: Company, moment: datetime
) -> None:
    rows: Any = tables["recommendation_segment_popular"].set_index("segment_id")
    paid = shops.payments[shops.payments["event_timestamp"] <= moment]
    users = paid.groupby("merchant_id")["user_id"].nunique()
    everybody = dict(
        zip(rows.loc[EVERYBODY, "merchants"], rows.loc[EVERYBODY, "users"], strict=True)
    )
    assert everybody == users.to_dict()
    assert list(rows.loc[EVERYBODY, "users"]) == sorted(users, reverse=True)
    assert sum(rows["users"].drop(EVERYBODY).map(sum)) == users.sum()


def test_a_merchant_without_a_payment_is_known_with_its_place(
    tables: dict[str, pd.DataFrame], shops: Company
) -> None:
    rows = tables["recommendation_merchant_daily"].set_index("merchant_id")
    assert len(rows) == 60
    assert (
        rows["merchant_payments"].sum()
        == tables["recommendation_user_daily"]["recent_payments"].sum()
    )


def test_the_same_lake_gives_the_same_rows_and_an_empty_one_none(
    shops: Company, moment: datetime, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    again = build_feature_tables(shops.settings.lake, tmp_path / "again", "Asia/Seoul", moment)
    for name, path in again.items():
        pd.testing.assert_frame_equal(pd.read_parquet(path), tables[name])
    empty = build_feature_tables(tmp_path / "nothing", tmp_path / "empty", "Asia/Seoul")
    assert set(empty) == set(tables)
    for name, path in empty.items():
        rows = pd.read_parquet(path)
        assert len(rows) == 0
        assert list(rows.columns) == list(tables[name].columns)


def test_names_are_unique_and_fit_feast() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names)
    assert not [name for name in names if name.endswith("_y")]


def test_nothing_later_than_the_moment_counts(
    shops: Company, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    later = datetime(2100, 1, 1, tzinfo=UTC)
    made = build_feature_tables(shops.settings.lake, tmp_path, "Asia/Seoul", later)
    grown = pd.read_parquet(made["recommendation_user_history"])["counts"].map(sum).sum()
    assert grown == len(shops.payments)
    assert tables["recommendation_user_history"]["counts"].map(sum).sum() < grown
