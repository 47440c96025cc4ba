"""A small real credit model, and the app with it as champion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from components.common.sealing import seal
from components.common.settings import Settings
from components.credit import SCORING
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.manifest import Deployment, Manifest, Release, write_manifest
from serving.common.runtime import Runtime
from tests.credit_artifact import write_credit_artifact
from tests.serving.conftest import KEY
from tests.serving.credit.desk import CreditDesk


@pytest.fixture(scope="session")
def credit_releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Release]:
    """Two different versions of the model, by number."""
    folder = tmp_path_factory.mktemp("credit")
    made = {str(seed): write_credit_artifact(folder / str(seed), seed) for seed in (1, 2)}
    return {
        version: Release(version, seal(path).digest, str(path), version)
        for version, path in made.items()
    }


@pytest.fixture
def credit_desk(
    applied_store: Path,
    settings: Settings,
    credit_releases: dict[str, Release],
    eventually: Callable[..., None],
) -> Iterator[CreditDesk]:
    """The app with version 1 as champion and an empty feature store."""
    import shutil

    shutil.copytree(applied_store / "feast", settings.feast)
    manifest = Manifest(1, {SCORING.name: Deployment(credit_releases["1"])})
    write_manifest(settings.serving, manifest)
    runtime = Runtime(settings, services())
    with TestClient(make_app(runtime), headers={"X-API-Key": KEY}) as client:
        eventually(lambda: runtime.ready and runtime.online.open, "becoming ready")
        yield CreditDesk(client, runtime)
