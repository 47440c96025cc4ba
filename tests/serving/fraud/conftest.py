"""The app without a server around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from components.common.settings import Settings
from feature_repo.store import open_store
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.manifest import Deployment, Manifest, Release, write_manifest
from serving.common.runtime import Runtime
from tests.serving.fraud.desk import Desk


@pytest.fixture
def desk(
    store_settings: Settings, releases: dict[str, Release], eventually: Callable[..., None]
) -> Iterator[Desk]:
    """The app with version 1 as champion and an empty feature store."""
    write_manifest(
        store_settings.serving, Manifest(1, {"fraud-xgboost": Deployment(releases["1"])})
    )
    runtime = Runtime(store_settings, services(), open_store)
    with TestClient(make_app(runtime), headers={"X-API-Key": "a key of the tests"}) as client:
        eventually(lambda: runtime.ready and runtime.online.open, "becoming ready")
        yield Desk(client, runtime)
