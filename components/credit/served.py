"""What the ledger says about applications, as rows of the contract tables."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from components.common.contracts import LOAN_OUTCOMES, LOANS
from components.common.records import Decision, Outcome

DOMAIN = "credit"
OUTCOME_TABLE = LOAN_OUTCOMES.name
"""Contract table whose rows are outcomes of this domain."""
SUBJECT_TABLE = LOANS.name
"""Contract table that the outcomes are about."""


def decision_to_row(decision: Decision) -> tuple[str, dict[str, Any]]:
    """The application that a decision was about, whatever was decided; its person is a pseudonym.

    One that was declined never has an outcome, so that nothing is ever trained on it.
    """
    request = json.loads(decision.request)
    return LOANS.name, {
        "application_id": request["application_id"],
        "user_id": request["user_id"],
        "event_timestamp": datetime.fromisoformat(request["event_timestamp"]),
        "amount": request["loan_amount"],
        "term_months": request["term_months"],
    }


def outcome_to_row(outcome: Outcome) -> tuple[str, dict[str, Any]]:
    """The contract row of an outcome that the ledger holds."""
    return LOAN_OUTCOMES.name, {
        "application_id": outcome.subject_id,
        "defaulted": outcome.label,
        "outcome_timestamp": outcome.known_at,
    }


def row_to_outcome(row: dict[str, Any], recorded_at: datetime) -> Outcome:
    """The ledger record of a contract row, which does not say who told it."""
    return Outcome(
        domain=DOMAIN,
        subject_id=row["application_id"],
        label=row["defaulted"],
        known_at=row["outcome_timestamp"],
        source="import",
        recorded_at=recorded_at,
    )
