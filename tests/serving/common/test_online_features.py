"""Online features come with their age, and whatever is missing stays null and is named."""

from __future__ import annotations

import math
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from components.common.errors import FinloopError
from components.common.settings import Settings
from components.fraud.features import FRAUD_MERCHANT_DAILY, FRAUD_USER_DAILY
from feature_repo.layout import Layout
from feature_repo.store import open_store
from feature_repo.views import MIDNIGHT_TTL
from serving.common.online_features import OnlineFeatures, ViewRow
from tests.redis_server import RedisServer

USER_DAILY, MERCHANT_DAILY, RECENT = "fraud_user_daily", "fraud_merchant_daily", "fraud_user_recent"
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = {"user_id": "kim", "merchant_id": "shop"}


ONLY_SQLITE = pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
ONLY_REDIS = pytest.mark.parametrize("store_settings", ["redis"], indirect=True)


def write_user(online: OnlineFeatures, **changes: object) -> None:
    values = dict.fromkeys(FRAUD_USER_DAILY.names, 2.5)
    online.write(USER_DAILY, [{"user_id": "kim", "event_timestamp": MIDNIGHT, **values, **changes}])


def test_a_row_comes_with_its_age_at_the_moment_of_the_event(online: OnlineFeatures) -> None:
    write_user(online)
    row = online.read([USER_DAILY], KEYS, MIDNIGHT + timedelta(hours=3))[USER_DAILY]
    assert row.values == dict.fromkeys(FRAUD_USER_DAILY.names, 2.5)
    assert (row.age_seconds, row.trouble) == (3 * 3600, None)


def test_feasts_own_answer_is_the_same(online: OnlineFeatures, store_settings: Settings) -> None:
    write_user(online, user_std_30d=None)
    names = [f"{USER_DAILY}:{name}" for name in FRAUD_USER_DAILY.names]
    answer = open_store(store_settings).get_online_features(names, [{"user_id": "kim"}]).to_dict()
    row = online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY]
    assert row.values == {name: answer[name][0] for name in FRAUD_USER_DAILY.names}
    assert row.values["user_std_30d"] is None


def test_feast_itself_writes_what_is_read_here(
    online: OnlineFeatures, store_settings: Settings
) -> None:
    known: dict[str, Any] = {
        "timestamps": [1, 2**52],
        "transaction_ids": ["a", "b"],
        "amounts": [1.5, math.inf],
        "merchant_ids": ["m", "m"],
        "device_ids": ["", "d"],
        "latitudes": [37.5, -1.0],
        "longitudes": [127.0, 0.0],
        "steps": [0.5],
        "remembered": None,
        "position": 2**40,
    }
    when = MIDNIGHT + timedelta(seconds=7)
    frame = pd.DataFrame([{"user_id": "김", "event_timestamp": when, "created": when, **known}])
    open_store(store_settings).write_to_online_store(RECENT, df=frame)
    row = online.read([RECENT], {"user_id": "김"}, when + timedelta(seconds=1))[RECENT]
    assert (row.values, row.age_seconds) == (known, 1.0)


def test_feast_itself_reads_what_is_written_here(
    online: OnlineFeatures, store_settings: Settings
) -> None:
    columns = {
        "timestamps": [1, 2],
        "transaction_ids": ["a", "b"],
        "amounts": [],
        "remembered": 70,
        "position": None,
    }
    online.write(RECENT, [{"user_id": "김", "event_timestamp": MIDNIGHT, **columns}])
    names = [f"{RECENT}:{name}" for name in columns]
    answer = open_store(store_settings).get_online_features(names, [{"user_id": "김"}]).to_dict()
    assert {name: answer[name][0] for name in columns} == columns


def test_lists_come_back_as_they_were_written(online: OnlineFeatures) -> None:
    columns = {
        "timestamps": [1, 2**52],
        "transaction_ids": ["a", "b"],
        "amounts": [1.5, 0.0],
        "merchant_ids": ["m", "m"],
        "device_ids": ["", "d"],
        "latitudes": [37.5, -1.0],
        "longitudes": [127.0, 0.0],
        "steps": [0.5],
        "remembered": 70,
        "position": 2**40,
    }
    online.write(RECENT, [{"user_id": "kim", "event_timestamp": MIDNIGHT, **columns}])
    assert online.read([RECENT], KEYS, MIDNIGHT)[RECENT].values == columns


def test_an_unknown_entity_is_missing(online: OnlineFeatures) -> None:
    rows = online.read([USER_DAILY, MERCHANT_DAILY], KEYS, MIDNIGHT)
    assert rows == dict.fromkeys([USER_DAILY, MERCHANT_DAILY], ViewRow(trouble="missing"))


def test_a_row_older_than_its_ttl_is_stale_and_gives_nothing(online: OnlineFeatures) -> None:
    write_user(online)
    just = online.read([USER_DAILY], KEYS, MIDNIGHT + MIDNIGHT_TTL)[USER_DAILY]
    late = online.read([USER_DAILY], KEYS, MIDNIGHT + MIDNIGHT_TTL + timedelta(seconds=1))[
        USER_DAILY
    ]
    assert just.trouble is None
    assert (late.trouble, late.values) == ("stale", {})
    assert late.age_seconds == MIDNIGHT_TTL.total_seconds() + 1


def test_a_row_newer_than_the_event_has_no_negative_age(online: OnlineFeatures) -> None:
    write_user(online)
    row = online.read([USER_DAILY], KEYS, MIDNIGHT - timedelta(hours=1))[USER_DAILY]
    assert row.age_seconds == 0.0


def test_a_view_that_does_not_exist_costs_no_other(online: OnlineFeatures) -> None:
    write_user(online)
    rows = online.read(["no_such_view", USER_DAILY], KEYS, MIDNIGHT)
    assert rows["no_such_view"].trouble == "unavailable"
    assert rows[USER_DAILY].trouble is None


@ONLY_SQLITE
def test_a_broken_file_degrades(online: OnlineFeatures, store_settings: Settings) -> None:
    write_user(online)
    (store_settings.feast / "online.db").write_bytes(b"no database" * 1000)
    fresh = OnlineFeatures(store_settings)
    fresh.refresh()
    assert fresh.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY].trouble == "unavailable"


def test_without_a_feature_store_everything_is_unavailable(tmp_path: Path) -> None:
    closed = OnlineFeatures(Settings(home=tmp_path))
    assert not closed.refresh()
    assert closed.read([USER_DAILY], KEYS, MIDNIGHT) == {USER_DAILY: ViewRow(trouble="unavailable")}
    with pytest.raises(FinloopError, match="not open"):
        closed.write(USER_DAILY, [{}])


def test_it_opens_once_the_store_appears_and_again_when_it_changes(
    online: OnlineFeatures, store_settings: Settings
) -> None:
    assert not online.refresh(), "nothing has changed"
    Layout.read(store_settings).write(store_settings)
    assert online.refresh()


@ONLY_SQLITE
def test_a_batch_that_is_being_written_holds_up_no_reader(
    online: OnlineFeatures, store_settings: Settings
) -> None:
    write_user(online)
    with closing(sqlite3.connect(store_settings.feast / "online.db")) as batch:
        batch.execute("BEGIN EXCLUSIVE")
        assert online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY].trouble is None


def test_a_row_of_the_same_moment_replaces_the_one_before(online: OnlineFeatures) -> None:
    write_user(online)
    write_user(online, user_count_30d=7.0)
    write_user(online, event_timestamp=MIDNIGHT - timedelta(hours=1), user_count_30d=8.0)
    row = online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY]
    assert row.values["user_count_30d"] == 8.0
    assert row.age_seconds == 3600.0


def test_every_view_of_two_entities_is_read_at_once(online: OnlineFeatures) -> None:
    write_user(online)
    shop = dict.fromkeys(FRAUD_MERCHANT_DAILY.names, 1.5)
    online.write(MERCHANT_DAILY, [{"merchant_id": "shop", "event_timestamp": MIDNIGHT, **shop}])
    views = [MERCHANT_DAILY, RECENT, USER_DAILY]
    rows = online.read(views, KEYS, MIDNIGHT)
    assert list(rows) == views
    assert rows[MERCHANT_DAILY].values == shop
    assert rows[USER_DAILY].values == dict.fromkeys(FRAUD_USER_DAILY.names, 2.5)
    assert rows[RECENT].trouble == "missing"


@pytest.fixture
def own_redis(store_settings: Settings, tmp_path: Path) -> Iterator[tuple[RedisServer, Settings]]:
    """A server that only one test uses, and may kill."""
    server = RedisServer(tmp_path).start()
    yield server, store_settings.model_copy(update={"online_store": server.address()})
    server.stop()


@ONLY_REDIS
def test_a_server_that_is_gone_degrades_and_comes_back_by_itself(
    own_redis: tuple[RedisServer, Settings], caplog: pytest.LogCaptureFixture
) -> None:
    server, settings = own_redis
    online = OnlineFeatures(settings)
    online.refresh()
    write_user(online)
    assert online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY].trouble is None
    before = online.identity()
    server.stop()
    assert online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY].trouble == "unavailable"
    assert not online.answering
    with pytest.raises(FinloopError, match="The online store does not answer") as refused:
        write_user(online)
    online.refresh()
    assert not online.answering
    server.start()
    online.refresh()
    assert online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY].trouble == "missing"
    write_user(online)
    assert online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY].trouble is None
    assert online.identity() != before, "what was written before is lost"
    assert "sesame" not in caplog.text + str(refused.value)


@ONLY_REDIS
def test_a_server_that_hangs_holds_up_one_decision(
    own_redis: tuple[RedisServer, Settings],
) -> None:
    server, settings = own_redis
    online = OnlineFeatures(settings)
    online.refresh()
    write_user(online)
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    assert online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY].trouble == "unavailable"
    for _ in range(1000):  # were it asked, this would take minutes
        online.read([USER_DAILY], KEYS, MIDNIGHT)
    assert not online.answering
    server.process.send_signal(signal.SIGCONT)
    counted: Any = server.client().info("commandstats")
    assert counted.get("cmdstat_hmget", {"calls": 0})["calls"] <= 1
    online.refresh()
    row = online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY]
    assert row.values == dict.fromkeys(FRAUD_USER_DAILY.names, 2.5), "no answer of the time before"


@ONLY_REDIS
def test_a_connection_that_was_closed_meanwhile_costs_nothing(
    online: OnlineFeatures, redis_server: RedisServer
) -> None:
    write_user(online)
    online.read([USER_DAILY], KEYS, MIDNIGHT)
    redis_server.client().client_kill_filter(_type="normal", skipme=True)
    assert online.read([USER_DAILY], KEYS, MIDNIGHT)[USER_DAILY].trouble is None
