"""What each model said of each decision, whether it decided alone or with others."""

from __future__ import annotations

_SHARED = "seq, decision_id, domain, subject_id, event_timestamp, request, features"
_SAID = "model, version, arm, score, decision, latency_ms, error, recorded_at"

ANSWERS = f"""(
    SELECT {_SHARED}, {_SAID} FROM decisions
    WHERE NOT EXISTS (SELECT 1 FROM members WHERE members.decision_id = decisions.decision_id)
    UNION ALL
    SELECT {", ".join(f"decisions.{name}" for name in _SHARED.split(", "))},
           {", ".join(f"members.{name}" for name in _SAID.split(", "))}
    FROM members JOIN decisions ON decisions.decision_id = members.decision_id
)"""  # noqa: S608 - names of ours
"""A FROM item of the ledger: decisions by one model alone, and what each member said of others."""
