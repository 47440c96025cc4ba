"""What the ledger holds: decisions, shadow scores, outcomes, feedback, events of a model's life,
and erasures.

A kind of record is a dataclass here and a line in `components/common/ledger/tables.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

EventKind = Literal[
    "candidate",  # a version was evaluated and registered; body: digest, verdict, metrics
    "approval",  # a candidate became a version of the production model
    "refusal",  # a production version was not admitted; body: reasons
    "release",  # a person let a version leave the shadow; body: reason
    "rollout",  # a production version moved one stage; body: from, to, reasons, observations
    "alias_restored",  # an alias moved by hand was put back
    "drift",  # a window was judged; body: verdict, columns, reasons
    "retrain",  # a pipeline was launched because of a verdict
    "review",  # a person did something to a case; model: its domain, key: decision id/step number
    "rules",  # a rule set decided for the first time; model: its domain, key: its digest, body: it
]


FeedbackKind = Literal["impression", "click"]
"""It was seen; somebody followed it."""


class Record:
    """Anything that the ledger holds. Fields: text, float, int, bool, datetime or a JSON object."""


@dataclass(frozen=True)
class Decision(Record):
    """One answer, with all that is needed to give it again. Ids of people are pseudonyms."""

    decision_id: str
    domain: str
    subject_id: str
    """What was decided on (a transaction id); one decision per (domain, subject_id)."""
    entity_id: str
    """Whose it is: the pseudonym that the rollout arm is drawn from."""
    event_timestamp: datetime
    recorded_at: datetime
    model: str
    version: str | None
    """Version of the arm that was drawn; None where no model was there."""
    digest: str | None
    arm: Literal["champion", "challenger", "none"]
    score: float | None
    """Calibrated probability that was answered."""
    decision: str
    latency_ms: float
    error: str | None
    """What went wrong in the drawn arm; the answer then came from the other one or from rules."""
    request: str
    """Canonical JSON of what was asked, in the columns of its contract table."""
    features: str
    """Canonical JSON: `inputs` (every model input; a null is a value), `ages` (seconds of each
    feature view), `degraded` (what was missing), `model` (who answered), `history` (which of the
    entity's) and `rules` (digest of the rule set that was looked at, whose text is an event)."""
    answer: str
    """Byte for byte what the caller got."""


@dataclass(frozen=True)
class Member(Record):
    """What one of several models said of a decision; a decision by one model alone has none."""

    decision_id: str
    model: str
    version: str
    """Version of the arm that was drawn."""
    digest: str
    arm: Literal["champion", "challenger"]
    score: float | None
    """Its own calibrated probability, before any other was blended in."""
    decision: str | None
    """What would have been decided by it alone."""
    latency_ms: float
    error: str | None
    """What went wrong in the drawn arm; the score is then another one's."""
    recorded_at: datetime


@dataclass(frozen=True)
class Shadow(Record):
    """What the other version would have said to the same request, scored off the hot path."""

    decision_id: str
    model: str
    version: str
    score: float | None
    decision: str | None
    latency_ms: float
    error: str | None
    recorded_at: datetime


@dataclass(frozen=True)
class Outcome(Record):
    """What turned out to be true of a decided subject."""

    domain: str
    subject_id: str
    label: bool
    known_at: datetime
    source: str
    recorded_at: datetime


@dataclass(frozen=True)
class Feedback(Record):
    """What somebody did with one of several things that a decision showed them."""

    domain: str
    decision_id: str
    entity_id: str
    """Whose decision it is: their pseudonym."""
    item_id: str
    """What was shown."""
    kind: FeedbackKind
    happened_at: datetime
    source: str
    recorded_at: datetime


@dataclass(frozen=True)
class Event(Record):
    """One step in the life of a model."""

    kind: EventKind
    model: str
    key: str
    """Names the event within its kind and model, so that recording it twice changes nothing."""
    actor: str
    recorded_at: datetime
    version: str | None = None
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Erasure(Record):
    """Rows that were removed from the ledger because of whose they were, or of their age."""

    erasure_id: str
    reason: Literal["person", "retention"]
    actor: str
    recorded_at: datetime
    body: dict[str, Any] = field(default_factory=dict)
    """`rows`: the places in the ledger that were removed, as [first, last] pairs. Nothing else
    may be there: an erasure must not tell whose rows they were."""
