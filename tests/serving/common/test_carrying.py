"""Decisions reach the online store once, also across a crash, and no batch overwrites them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.records import Decision
from components.common.settings import Settings
from components.fraud.history import K
from feature_repo.store import open_store
from serving.common.carrying import Carrier
from serving.common.domain import services
from serving.common.online_features import OnlineFeatures
from serving.common.position import Position

Make = Callable[..., Decision]
VIEW = "fraud_user_recent"
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def carry(store_settings: Settings, online: OnlineFeatures) -> Callable[[], int]:
    """One step of a carrier that was started just now, as after a restart."""

    def step() -> int:
        ledger = Ledger(store_settings.ledger)
        try:
            position = Position(store_settings.serving)
            return Carrier(lambda: ledger, online, position, services()).step()
        finally:
            ledger.close()

    return step


@pytest.fixture
def lose_rows(
    store_settings: Settings, applied_store: Path, request: pytest.FixtureRequest
) -> Callable[[], None]:
    """Empties the online store, as a server without a disk does when it starts again."""

    def lose() -> None:
        if store_settings.online_store is not None:
            request.getfixturevalue("redis_server").client().flushall()
            return
        for path in store_settings.feast.iterdir():
            path.unlink()
        shutil.copytree(applied_store / "feast", store_settings.feast, dirs_exist_ok=True)
        (store_settings.feast / "registry.db").touch()

    return lose


def stored(online: OnlineFeatures, user: str = "user") -> list[str]:
    return list(online.read([VIEW], {"user_id": user}, NOW)[VIEW].values.get("transaction_ids", []))


def test_a_decision_is_carried_once(
    carry: Callable[[], int], ledger: Ledger, online: OnlineFeatures, decided: Make
) -> None:
    ledger.append([decided(2), decided(1), decided(3, user_id="other")])
    assert carry() == 3
    assert (stored(online), stored(online, "other")) == (["t1", "t2"], ["t3"])
    assert carry() == 0
    ledger.append([decided(4)])
    assert carry() == 1
    assert stored(online) == ["t1", "t2", "t4"]


def test_a_crash_before_the_position_was_written_does_no_harm(
    carry: Callable[[], int],
    ledger: Ledger,
    online: OnlineFeatures,
    store_settings: Settings,
    decided: Make,
) -> None:
    ledger.append([decided(1), decided(2)])
    carry()
    (store_settings.serving / "carried.json").unlink()
    assert carry() == 2
    assert stored(online) == ["t1", "t2"]


def test_what_a_store_lost_is_carried_again(
    carry: Callable[[], int],
    ledger: Ledger,
    online: OnlineFeatures,
    store_settings: Settings,
    decided: Make,
    lose_rows: Callable[[], None],
) -> None:
    ledger.append([decided(1), decided(2)])
    carry()
    lose_rows()
    online.refresh()
    assert stored(online) == []
    ledger.append([decided(3)])
    assert carry() == 3
    assert stored(online) == ["t1", "t2", "t3"]


def test_a_late_payment_reaches_a_history_of_newer_ones(
    carry: Callable[[], int], ledger: Ledger, online: OnlineFeatures, decided: Make
) -> None:
    for number in (5, 3, 4):
        ledger.append([decided(number)])
        carry()
    assert stored(online) == ["t3", "t4", "t5"]


def test_only_the_last_payments_are_kept(
    carry: Callable[[], int], ledger: Ledger, online: OnlineFeatures, decided: Make
) -> None:
    first = datetime(2026, 3, 1, tzinfo=UTC)
    ledger.append([decided(n, event_timestamp=first + timedelta(minutes=n)) for n in range(K + 10)])
    carry()
    assert stored(online) == [f"t{number}" for number in range(10, K + 10)]


def test_a_batch_of_the_pipeline_overwrites_nothing(
    carry: Callable[[], int], ledger: Ledger, online: OnlineFeatures, decided: Make
) -> None:
    ledger.append([decided(1)])
    carry()
    columns = {"timestamps": [1], "transaction_ids": ["old"], "amounts": [1.0]}
    columns |= {"merchant_ids": ["m"], "device_ids": [""], "latitudes": [0.0], "longitudes": [0.0]}
    columns["steps"] = []
    columns["remembered"] = 1
    online.write("fraud_user_history", [{"user_id": "user", "event_timestamp": NOW, **columns}])
    assert stored(online) == ["t1"]


def test_decisions_of_other_domains_are_stepped_over(
    carry: Callable[[], int], ledger: Ledger, decided: Make, store_settings: Settings
) -> None:
    ledger.append([decided(1, domain="credit")])
    assert carry() == 0
    assert Position(store_settings.serving).read("fraud") == 1


def test_decisions_wait_while_there_is_no_feature_store(
    settings: Settings, ledger: Ledger, decided: Make
) -> None:
    ledger.append([decided(1)])
    closed = OnlineFeatures(settings)
    position = Position(settings.serving)
    with pytest.raises(FinloopError, match="decisions wait in the ledger"):
        Carrier(lambda: ledger, closed, position, services()).step()
    assert position.read("fraud") == 0


def test_a_position_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "carried.json").mkdir()
    with pytest.raises(FinloopError, match="free the disk"):
        Position(tmp_path).write("fraud", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["carried.json"]


def test_positions_of_domains_are_kept_apart(tmp_path: Path) -> None:
    position = Position(tmp_path / "serving")
    assert position.read("fraud") == 0
    position.write("fraud", 3)
    position.write("credit", 5)
    assert (position.read("fraud"), Position(tmp_path / "serving").read("credit")) == (3, 5)


def test_rows_can_be_written_by_whoever_else_reads_the_store(
    carry: Callable[[], int], ledger: Ledger, store_settings: Settings, decided: Make
) -> None:
    ledger.append([decided(1, amount=12.5, device_id="d", latitude=37.5, longitude=127.0)])
    carry()
    answer = open_store(store_settings).get_online_features(
        [f"{VIEW}:{name}" for name in ("amounts", "device_ids", "latitudes")], [{"user_id": "user"}]
    )
    frame = pd.DataFrame(answer.to_dict())
    assert frame[["amounts", "device_ids", "latitudes"]].iloc[0].tolist() == [[12.5], ["d"], [37.5]]
