"""The application with its ledger in PostgreSQL: decide, read again, report, verify."""

from __future__ import annotations

from collections.abc import Callable

from starlette.testclient import TestClient

from components.common.ledger.verify import verify
from components.common.settings import Settings
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.manifest import Deployment, Manifest, Release, write_manifest
from serving.common.runtime import Runtime
from tests.postgres_server import PostgresServer
from tests.serving.conftest import KEY
from tests.serving.desk import payment

REPORT = {
    "kind": "fraud",
    "transaction_id": "t1",
    "is_fraud": True,
    "source": "chargeback",
    "outcome_timestamp": "2026-01-01T00:00:00Z",
}


def test_a_decision_and_its_outcome_are_kept_there_and_nowhere_else(
    settings: Settings,
    releases: dict[str, Release],
    eventually: Callable[..., None],
    postgres_server: PostgresServer,
) -> None:
    postgres_server.empty()
    settings = settings.model_copy(update={"ledger_url": postgres_server.address()})
    write_manifest(settings.serving, Manifest(1, {"fraud-xgboost": Deployment(releases["1"])}))
    runtime = Runtime(settings, services())
    with TestClient(make_app(runtime), headers={"X-API-Key": KEY}) as client:
        eventually(lambda: runtime.ready, "becoming ready")
        sent = payment()
        answer = client.post("/v1/fraud/decisions", json=sent)
        assert answer.status_code == 200, answer.text
        assert client.post("/v1/fraud/decisions", json=sent).content == answer.content
        assert client.post("/v1/outcomes", json=REPORT).json() == {"accepted": 1, "known": 0}
        again = client.get(f"/v1/decisions/{answer.json()['decision_id']}").json()
        assert [one["label"] for one in again["outcomes"]] == [True]
        assert client.get("/v1/reviews").status_code == 200
        assert verify(runtime.ledger).ok
    assert not settings.ledger.exists()
