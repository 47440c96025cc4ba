"""What the ledger says about lists, as rows of the contract tables."""

from __future__ import annotations

from typing import Any

from components.common.contracts import FEEDBACK
from components.common.records import Feedback

DOMAIN = "recommendation"


def feedback_to_row(feedback: Feedback) -> tuple[str, dict[str, Any]]:
    """What became of one recommended merchant; its customer is a pseudonym already."""
    return FEEDBACK.name, {
        "decision_id": feedback.decision_id,
        "user_id": feedback.entity_id,
        "item_id": feedback.item_id,
        "kind": feedback.kind,
        "event_timestamp": feedback.happened_at,
    }
