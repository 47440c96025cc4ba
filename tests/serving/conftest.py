"""A small real model, a home that serves it, and recorded decisions."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from components.common.ledger import Ledger, canonical_json
from components.common.records import Decision
from components.common.sealing import seal
from components.common.settings import Settings
from components.fraud import XGBOOST
from components.fraud.boosting import Boosting, BoostingConfig
from components.fraud.decision import Policy
from components.fraud.features import MODEL_INPUT
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.manifest import Deployment, Manifest, Release, write_manifest
from serving.common.online_features import OnlineFeatures
from serving.common.runtime import Runtime
from tests.conftest import STORES
from tests.redis_server import RedisServer
from tests.serving.desk import Desk

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
KEY = "a key of the tests"
DEAR, CHEAP = 90_000.0, 100.0
"""Amounts that the models of the tests decline and approve."""


def write_artifact(directory: Path, seed: int = 0) -> Path:
    """An artifact that takes an amount above 50,000 for fraud."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(
        rng.normal(size=(400, len(MODEL_INPUT))), columns=pd.Index(MODEL_INPUT, dtype=str)
    )
    x["amount"] = rng.uniform(0, 100_000, len(x))
    y = (x["amount"] > 50_000).to_numpy(dtype=int)
    config = BoostingConfig(rounds=20, learning_rate=0.5, colsample=1.0, refit=False, seed=seed)
    Boosting(config).fit(x, y).export(directory)
    Policy().write(directory)
    return directory


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two different versions of the model, by number."""
    folder = tmp_path_factory.mktemp("artifacts")
    return {str(seed): write_artifact(folder / str(seed), seed) for seed in (1, 2)}


@pytest.fixture(scope="session")
def releases(artifacts: dict[str, Path]) -> dict[str, Release]:
    """The same versions as verified releases."""
    return {
        version: Release(version, seal(path).digest, str(path), version)
        for version, path in artifacts.items()
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation of its own, with one caller."""
    return Settings(
        home=tmp_path / "home", api_keys={"tests": hashlib.sha256(KEY.encode()).hexdigest()}
    )


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    opened = Ledger(settings.ledger)
    yield opened
    opened.close()


@pytest.fixture
def decided() -> Callable[..., Decision]:
    """Recorded decisions by number; the payment can be changed by name of its column."""

    def make(number: int, **changes: Any) -> Decision:
        when = changes.pop("event_timestamp", FIRST + timedelta(seconds=number))
        request: dict[str, Any] = {
            "transaction_id": f"t{number}",
            "event_timestamp": when.isoformat(timespec="microseconds"),
            "user_id": "user",
            "merchant_id": "m1",
            "amount": CHEAP,
            "category": None,
            "channel": None,
            "device_id": None,
            "latitude": None,
            "longitude": None,
        }
        request |= {name: changes.pop(name) for name in list(changes) if name in request}
        made = Decision(
            decision_id=f"d{number}",
            domain="fraud",
            subject_id=request["transaction_id"],
            entity_id=request["user_id"],
            event_timestamp=when,
            recorded_at=when,
            model=XGBOOST.name,
            version="1",
            digest="0" * 64,
            arm="champion",
            score=0.1,
            decision="APPROVE",
            latency_ms=1.0,
            error=None,
            request=canonical_json(request),
            features=canonical_json({"inputs": {}, "ages": {}, "degraded": [], "model": None}),
            answer="{}",
        )
        return replace(made, **changes)

    return make


def await_true(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
    """Look until a condition holds; fail where it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} seconds"
        time.sleep(0.02)


@pytest.fixture
def eventually() -> Callable[..., None]:
    return await_true


@pytest.fixture(scope="session")
def applied_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose feature store knows every view and holds no row, made once: it takes seconds."""
    from feature_repo.store import apply

    home = tmp_path_factory.mktemp("feast-template")
    apply(Settings(home=home))
    return home


@pytest.fixture(params=STORES)
def store_settings(
    applied_store: Path, settings: Settings, request: pytest.FixtureRequest
) -> Settings:
    """The same installation with a feature store of its own, of either kind."""
    shutil.copytree(applied_store / "feast", settings.feast)
    if request.param == "sqlite":
        return settings
    server: RedisServer = request.getfixturevalue("redis_server")
    server.client().flushall()
    return settings.model_copy(update={"online_store": server.address()})


@pytest.fixture
def online(store_settings: Settings) -> OnlineFeatures:
    """The online store of that installation, open."""
    opened = OnlineFeatures(store_settings)
    opened.refresh()
    return opened


@pytest.fixture
def desk(
    store_settings: Settings, releases: dict[str, Release], eventually: Callable[..., None]
) -> Iterator[Desk]:
    """The app with version 1 as champion and an empty feature store."""
    write_manifest(
        store_settings.serving, Manifest(1, {"fraud-xgboost": Deployment(releases["1"])})
    )
    runtime = Runtime(store_settings, services())
    with TestClient(make_app(runtime), headers={"X-API-Key": KEY}) as client:
        eventually(lambda: runtime.ready and runtime.online.open, "becoming ready")
        yield Desk(client, runtime)
