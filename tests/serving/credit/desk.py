"""A client of the app that scores applications, and what it is told of the people who ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import Response
from starlette.testclient import TestClient

from components.common.identity import pseudonymise
from components.credit import SCORING
from components.credit.features import MODEL_INPUT
from serving.common.manifest import Deployment
from serving.common.runtime import Runtime
from tests.serving.desk import follow

INCOME, DEBT = 40_000_000.0, 0.2
_KNOWN = {
    "credit_profile": {
        "annual_income": INCOME,
        "employment_months": 40.0,
        "education_level": 4.0,
        "birth_year": 1990.0,
    },
    "credit_bureau": {"bureau_score": 720.0, "existing_loans": 1.0, "debt_to_income": DEBT},
    "credit_spending": {name: 1.0 for name in MODEL_INPUT if name.startswith("spend_")},
}
"""What is known of a person unless something else is told."""


@dataclass
class CreditDesk:
    """A client of the app, and the runtime behind it."""

    client: TestClient
    runtime: Runtime

    def score(self, **changes: Any) -> Response:
        """Ask for the score of an application of a minute ago, with other values where named."""
        return self.client.post("/v1/credit/scores", json=application(**changes))

    def know(self, user: str = "kim", **values: float) -> None:
        """Put what is known of a user into the online store."""
        self.know_all({user: values})

    def know_all(self, people: Mapping[str, Mapping[str, float]]) -> None:
        """The same of many at once: user → what is otherwise than usual."""
        key = self.runtime.pseudonym_key
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        for view, usual in _KNOWN.items():
            rows = [
                {
                    "user_id": pseudonymise(user, key),
                    "event_timestamp": midnight - timedelta(days=2),
                    **{column: values.get(column, value) for column, value in usual.items()},
                }
                for user, values in people.items()
            ]
            self.runtime.online.write(view, rows)

    def serve(self, deployment: Deployment) -> None:
        """Have the app serve a deployment."""
        follow(self.runtime, {SCORING.name: deployment})


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
