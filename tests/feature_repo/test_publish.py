"""Tables become those of the installation whole or not at all, and once."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from components.common import lake
from components.common.errors import FinloopError
from components.common.feature_tables import MadeFrom, current
from components.common.settings import Settings
from feature_repo import publish as publishing
from feature_repo.publish import publish
from tests.components.common.test_training_data import one_of_each, write_lake
from tests.feature_repo.conftest import DAYS, START, USERS, write_tables


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    write_lake(settings.lake, *one_of_each())
    return settings


@pytest.fixture
def tables(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "tables"
    write_tables(folder)
    as_of = START.replace(month=5)
    made = MadeFrom(lake.digest(settings.lake), "code", "Asia/Seoul", as_of.isoformat())
    made.write(folder)
    assert (as_of - START).days >= DAYS
    return folder


def stamps(settings: Settings) -> dict[str, int]:
    files = [*settings.feature_tables.iterdir(), *settings.feast.iterdir()]
    return {path.name: path.stat().st_mtime_ns for path in files}


def test_published_tables_are_there_and_known(settings: Settings, tables: Path) -> None:
    assert publish(settings, tables) == "2025-05-01T00:00:00+00:00"
    assert current(settings) == MadeFrom.read(tables)
    for path in tables.glob("*.parquet"):
        assert (settings.feature_tables / path.name).read_bytes() == path.read_bytes()


def test_the_same_tables_again_change_nothing(settings: Settings, tables: Path) -> None:
    publish(settings, tables)
    before = stamps(settings)
    publish(settings, tables)
    assert stamps(settings) == before


@pytest.mark.parametrize("lost", ["features", "feast"])
def test_what_is_lost_is_published_again(settings: Settings, tables: Path, lost: str) -> None:
    publish(settings, tables)
    shutil.rmtree(settings.home / lost)
    publish(settings, tables)
    assert current(settings) == MadeFrom.read(tables)
    with closing(sqlite3.connect(settings.feast / "online.db")) as online:
        count = "SELECT count(DISTINCT entity_key) FROM finloop_fraud_user_daily"
        assert online.execute(count).fetchone() == (USERS,)


def test_nobody_trains_on_tables_that_are_being_replaced(
    settings: Settings, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings, tables)
    MadeFrom("other", "code", "Asia/Seoul", "2025-05-01T00:00:00+00:00").write(tables)
    monkeypatch.setattr(publishing, "confirm", _crash)
    with pytest.raises(KeyboardInterrupt):
        publish(settings, tables)
    with pytest.raises(FinloopError, match="run `finloop run data` first"):
        current(settings)


def test_features_of_another_lake_are_refused(settings: Settings, tables: Path) -> None:
    publish(settings, tables)
    shutil.rmtree(settings.lake)
    events, outcomes = one_of_each()
    write_lake(settings.lake, events, outcomes[1:])
    with pytest.raises(FinloopError, match="The lake has changed") as caught:
        current(settings)
    assert caught.value.code == "lake_changed"


def _crash(*_: object) -> None:
    raise KeyboardInterrupt
