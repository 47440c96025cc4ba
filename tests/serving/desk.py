"""A client of the app in this process: the real ledger, models and feature store behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import Response
from starlette.testclient import TestClient

from serving.common.manifest import Deployment, Manifest, write_manifest
from serving.common.runtime import Runtime


@dataclass
class Desk:
    """A client of the app, and the runtime behind it."""

    client: TestClient
    runtime: Runtime

    def decide(self, **changes: Any) -> Response:
        """Ask for a decision on a payment of a minute ago, with other values where named."""
        return self.client.post("/v1/fraud/decisions", json=payment(**changes))

    def serve(self, deployment: Deployment) -> None:
        """Have the app serve a deployment."""
        follow(self.runtime, {"fraud-xgboost": deployment})


def follow(runtime: Runtime, models: dict[str, Deployment]) -> None:
    """Write the next manifest, of these models alone, and have a worker load it."""
    generation = runtime.models.current.generation + 1
    write_manifest(runtime.settings.serving, Manifest(generation, models))
    runtime.models.refresh()


def payment(**changes: Any) -> dict[str, Any]:
    """A payment of a minute ago."""
    when = datetime.now(UTC) - timedelta(minutes=1)
    known = {
        "transaction_id": "t1",
        "event_timestamp": when.isoformat(),
        "user_id": "kim",
        "merchant_id": "shop",
        "amount": 100.0,
    }
    return {**known, **changes}
