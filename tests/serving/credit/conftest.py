"""A small real credit model, and the app with it as champion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
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


@dataclass
class CreditDesk:
    """A client of the app, and the runtime behind it."""

    client: TestClient
    runtime: Runtime

    def score(self, **changes: Any) -> Response:
        """Ask for the score of an application of a minute ago, with other values where named."""
        return self.client.post("/v1/credit/scores", json=application(**changes))

    def serve(self, deployment: Deployment) -> None:
        """Have the app serve a deployment."""
        generation = self.runtime.models.current.generation + 1
        manifest = Manifest(generation, {SCORING.name: deployment})
        write_manifest(self.runtime.settings.serving, manifest)
        self.runtime.models.refresh()


def application(**changes: Any) -> dict[str, Any]:
    """An application of a minute ago."""
    when = datetime.now(UTC) - timedelta(minutes=1)
    known = {
        "application_id": "a1",
        "event_timestamp": when.isoformat(),
        "user_id": "kim",
        "loan_amount": 8_000_000.0,
        "term_months": 24,
    }
    return {**known, **changes}


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
