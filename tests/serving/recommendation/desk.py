"""A client of the app over the company of the tests, and what people report of their lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from httpx import Response
from starlette.testclient import TestClient

from components.common.identity import pseudonymise
from components.common.records import Decision
from components.recommendation import NCF
from serving.common.manifest import Deployment, Release
from serving.common.runtime import Runtime
from tests.recommendation_company import Company
from tests.serving.desk import follow

USERS = [f"u{number:06d}" for number in range(1, 151)]


@dataclass
class Counter:
    """A client of the app over the company, and what is known of it."""

    client: TestClient
    runtime: Runtime
    company: Company
    release: Release

    def ask(self, user: str = USERS[0], **query: Any) -> Response:
        return self.client.get(f"/v1/recommendations/{user}", params=query)

    def list(self, user: str = USERS[0], **query: Any) -> dict[str, Any]:
        answer = self.ask(user, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def paid(self, user: str) -> pd.DataFrame:
        who = pseudonymise(user, self.runtime.pseudonym_key)
        return self.company.payments[self.company.payments["user_id"] == who]

    def serve(self, deployment: Deployment) -> None:
        follow(self.runtime, {NCF.name: deployment})

    def decision(self, answer: dict[str, Any]) -> Decision:
        found = self.runtime.ledger.decision(answer["decision_id"])
        assert found is not None
        return found


def report(kind: str, answer: dict[str, Any], place: int = 0) -> dict[str, Any]:
    """Feedback on one merchant of a list."""
    return {
        "kind": kind,
        "decision_id": answer["decision_id"],
        "merchant_id": answer["items"][place]["merchant_id"],
        "outcome_timestamp": answer["event_timestamp"],
        "source": "app",
    }
