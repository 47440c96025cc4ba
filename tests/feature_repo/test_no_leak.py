"""What happens or becomes known later changes no frame of earlier events, from lake to Feast."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from components.common import lake
from components.common.feature_tables import build
from components.common.intake import take_in
from components.common.settings import Settings
from components.common.training_data import point_in_time
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
    told = ["merchant_known_30d", "merchant_frauds_30d", "user_frauds_30d"]
    assert (later.loc[~past, told].max() > 0).all()  # the outcomes that were added are looked at


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
