"""What happens or becomes known later changes no frame of earlier events, from lake to Feast."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from components.common import lake
from components.common.feature_tables import build, current
from components.common.intake import take_in
from components.common.settings import Settings
from components.common.training_data import point_in_time
from components.credit import SCORING
from components.credit.features import FEATURES as CREDIT_FEATURES
from components.fraud import XGBOOST
from components.fraud.features import MODEL_INPUT
from demo.world import World, WorldConfig, known_by, simulate, write
from feature_repo.publish import publish
from feature_repo.store import open_store

NOW = datetime(2025, 1, 24, 6, 30, tzinfo=UTC)
KEEP = ("transaction_id", "event_timestamp")


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(WorldConfig(users=40, merchants=15, days=40, seed=9, start=date(2025, 1, 1)))


def test_the_future_changes_no_frame_of_the_past(world: World, tmp_path: Path) -> None:
    then = frame(known_by(world, NOW), tmp_path / "then")
    later = frame(world, tmp_path / "later")
    past = later["event_timestamp"] < NOW
    assert len(then) > 1_000
    assert past.sum() == len(then)
    assert (~past).sum() > 500
    pd.testing.assert_frame_equal(later[past].reset_index(drop=True), then)
    known, all_known = (credit_frame(tmp_path / folder / "home") for folder in ("then", "later"))
    asked = all_known["event_timestamp"] < NOW
    assert len(known) > 50
    pd.testing.assert_frame_equal(all_known[asked].reset_index(drop=True), known)
    assert known["spend_count"].notna().any() and known["loan_to_income"].notna().any()
    told = ["merchant_known_30d", "merchant_frauds_30d", "user_frauds_30d"]
    assert (later.loc[~past, told].max() > 0).all()  # the outcomes that were added are looked at


def credit_frame(home: Path) -> pd.DataFrame:
    """The features of every application of that company, through Feast."""
    settings = Settings(home=home)
    columns = "application_id, user_id, event_timestamp"
    events = lake.read(settings.lake, "loans").order("event_timestamp, application_id")
    asked = events.select(columns).df()
    asked = asked[asked["event_timestamp"] < current(settings).moment].reset_index(drop=True)
    keep = ("application_id", "event_timestamp")
    table = point_in_time(open_store(settings), SCORING.feature_service, asked, keep)
    assert table.column_names == [*keep, *(feature.name for feature in CREDIT_FEATURES)]
    return table.to_pandas()


def frame(world: World, folder: Path) -> pd.DataFrame:
    """The features of every payment of a company, through lake, build and Feast."""
    settings = Settings(home=folder / "home")
    write(world.tables, folder / "source")
    digest = take_in(settings, str(folder / "source"), "finloop", False, folder / "report.json")
    build(settings.lake, folder / "tables", digest, "code", settings.timezone)
    publish(settings, folder / "tables")
    columns = "transaction_id, user_id, merchant_id, event_timestamp"
    events = lake.read(settings.lake, "transactions").order("event_timestamp, transaction_id")
    table = point_in_time(
        open_store(settings), XGBOOST.feature_service, events.select(columns).df(), KEEP
    )
    assert table.column_names == [*KEEP, *MODEL_INPUT]
    return table.to_pandas()
