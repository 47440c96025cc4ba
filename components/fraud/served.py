"""What the ledger says about payments, as rows of the contract tables."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from components.common.contracts import OUTCOMES, TRANSACTIONS
from components.common.records import Decision, Outcome

DOMAIN = "fraud"
OUTCOME_TABLE = OUTCOMES.name
"""Contract table whose rows are outcomes of this domain."""
SUBJECT_TABLE = TRANSACTIONS.name
"""Contract table that the outcomes are about."""


def decision_to_row(decision: Decision) -> tuple[str, dict[str, Any]]:
    """The transaction that a decision was about; its people are pseudonyms already."""
    request = json.loads(decision.request)
    row = {column.name: request.get(column.name) for column in TRANSACTIONS.columns}
    row["event_timestamp"] = datetime.fromisoformat(request["event_timestamp"])
    return TRANSACTIONS.name, row


def outcome_to_row(outcome: Outcome) -> tuple[str, dict[str, Any]]:
    """The contract row of an outcome that the ledger holds."""
    return OUTCOMES.name, {
        "transaction_id": outcome.subject_id,
        "is_fraud": outcome.label,
        "outcome_timestamp": outcome.known_at,
        "source": outcome.source,
    }


def row_to_outcome(row: dict[str, Any], recorded_at: datetime) -> Outcome:
    """The ledger record of a contract row; one without a source was imported."""
    return Outcome(
        domain=DOMAIN,
        subject_id=row["transaction_id"],
        label=row["is_fraud"],
        known_at=row["outcome_timestamp"],
        source=row["source"] or "import",
        recorded_at=recorded_at,
    )
