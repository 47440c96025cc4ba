"""Tables become those of the installation whole or not at all, and once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.common import lake
from components.common.errors import FinloopError
from components.common.feature_tables import MadeFrom, current
from components.common.settings import Settings
from feature_repo import publish as publishing
from feature_repo.publish import publish
from feature_repo.store import forget, open_store
from tests.components.common.test_training_data import one_of_each, write_lake
from tests.conftest import STORES
from tests.feature_repo.conftest import DAYS, START, USERS, write_tables


@pytest.fixture(params=STORES)
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    server = request.getfixturevalue("redis_server") if request.param == "redis" else None
    address = server.address(database=2) if server is not None else None
    settings = Settings(home=tmp_path / "home", online_store=address)
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


@pytest.mark.parametrize("lost", ["features", "feast", "rows"])
def test_what_is_lost_is_published_again(
    settings: Settings, tables: Path, lost: str, request: pytest.FixtureRequest
) -> None:
    publish(settings, tables)
    if lost != "rows":
        shutil.rmtree(settings.home / lost)
    elif settings.online_store is None:
        (settings.feast / "online.db").unlink()
    else:
        request.getfixturevalue("redis_server").client().flushall()
    publish(settings, tables)
    assert current(settings) == MadeFrom.read(tables)
    assert online_users(settings) == {f"u{number}" for number in range(USERS)}


def test_who_is_forgotten_is_in_no_online_view(settings: Settings, tables: Path) -> None:
    publish(settings, tables)
    everyone = {f"u{number}" for number in range(USERS)}
    assert forget(settings, "user_id", ["u1", "u3", "nobody"]) == 2
    assert online_users(settings) == everyone - {"u1", "u3"}
    assert forget(settings, "user_id", ["u1"]) == 0
    assert forget(settings, "merchant_id", ["m1"]) == 1


def online_users(settings: Settings) -> set[str]:
    """Users of whom the online store knows anything."""
    store = open_store(settings)
    names = ["fraud_user_daily:user_count_30d", "fraud_user_history:amounts"]
    everyone = [f"u{number}" for number in range(USERS)]
    found = store.get_online_features(names, [{"user_id": user} for user in everyone]).to_dict()
    known = zip(everyone, found["user_count_30d"], found["amounts"], strict=True)
    return {user for user, count, amounts in known if (count, amounts) != (None, None)}


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
