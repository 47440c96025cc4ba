"""Cases that wait for a person, derived from the ledger: who holds one, and what came of it.

A case is a decision that its domain has declared to be one for people. Everything that is done to
it is one more event of kind `review` with the number of its step in its key, and the ledger takes a
key once: whoever was second acted on a state that had passed, and looks again. So two people never
hold or resolve the same case, whatever worker they ask.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from components.common.errors import FinloopError, refused
from components.common.ledger.tables import table_of
from components.common.records import Event, Outcome, Record

if TYPE_CHECKING:
    from components.common.ledger import Ledger
    from components.common.ledger.store import Store

HELD = timedelta(minutes=30)
"""How long a claim holds; claiming again prolongs it."""
SOURCE = "review"
"""Source of the outcomes that people give here."""
Step = Literal["claim", "release", "resolve"]


@dataclass(frozen=True)
class Reviewed:
    """Which decisions of a domain wait for a person, and what the person may find."""

    decisions: tuple[str, ...]
    amount: str
    """Name of the request's field with the money at stake."""
    outcomes: Mapping[str, bool]
    """What may be found → the label that it stands for."""


@dataclass(frozen=True)
class Case:
    """One decision that waits for a person, as of its last step."""

    position: int
    """Place in the ledger: the order in which cases came."""
    decision_id: str
    domain: str
    subject_id: str
    event_timestamp: datetime
    decided_at: datetime
    decision: str
    score: float | None
    amount: float | None
    steps: int = 0
    """Events so far."""
    holder: str | None = None
    held_until: datetime | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    outcome: str | None = None

    def held_by(self, now: datetime) -> str | None:
        """Who holds it now; nobody once the claim has run out."""
        return self.holder if self.held_until is not None and now < self.held_until else None


@dataclass
class ReviewQueue:
    """Every case of some domains, kept up with the ledger. Safe to share between threads."""

    ledger: Ledger
    domains: Mapping[str, Reviewed]
    _cases: dict[str, Case] = field(default_factory=dict)
    _read: int = 0
    """Place in the ledger up to which everything is known."""
    _erased: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cases(self) -> list[Case]:
        """Every case as the ledger has it now, in the order in which they came."""
        with self._lock:
            self._catch_up()
            return sorted(self._cases.values(), key=lambda case: case.position)

    def find(self, decision_id: str) -> Case:
        """One case as the ledger has it now; raises `FinloopError("unknown_review")` (404)."""
        with self._lock:
            self._catch_up()
            if decision_id in self._cases:
                return self._cases[decision_id]
        raise FinloopError(
            "unknown_review",
            "No case of that id waits for a person; take a decision_id of GET /v1/reviews.",
            http_status=404,
        )

    def check_outcome(self, case: Case, outcome: str) -> None:
        """Refuse what cannot be found in a case of its domain (422)."""
        known = self.domains[case.domain].outcomes
        if outcome not in known:
            raise FinloopError(
                "unknown_outcome", f"outcome must be one of: {', '.join(known)}.", http_status=422
            )

    def records(self, case: Case, event: Event) -> tuple[Record, ...]:
        """What an event puts into the ledger: a resolution is an outcome as well."""
        if event.body["step"] != "resolve":
            return (event,)
        label, at = self.domains[case.domain].outcomes[event.body["outcome"]], event.recorded_at
        return event, Outcome(case.domain, case.subject_id, label, at, SOURCE, at)

    def _catch_up(self) -> None:
        """Read what is new, and everything again once something was erased."""
        with self.ledger.reading() as moment:  # or an event could hide the decision before it
            (erased,) = moment.rows("SELECT count(*) AS rows FROM erased")
            if erased["rows"] != self._erased:
                self._cases, self._read, self._erased = {}, 0, erased["rows"]
            decided = [row for domain in self.domains for row in self._decided(moment, domain)]
            acted = moment.rows(
                "SELECT seq, key, actor, recorded_at, body FROM events "
                "WHERE kind = 'review' AND seq > ? ORDER BY seq",
                [self._read],
            )
        self._cases |= {row["decision_id"]: self._case(row) for row in decided}
        for row in acted:
            decision_id = row["key"].partition("/")[0]
            if decision_id in self._cases:
                self._cases[decision_id] = _after(self._cases[decision_id], row)
        self._read = max([self._read, *(row["seq"] for row in (*decided, *acted))])

    def _decided(self, moment: Store, domain: str) -> list[dict[str, Any]]:
        words = self.domains[domain].decisions
        marks = ", ".join("?" * len(words))
        names = "seq, decision_id, domain, subject_id, event_timestamp, recorded_at, decision"
        sql = f"SELECT {names}, score, request FROM decisions WHERE domain = ? AND seq > ?"  # noqa: S608 - ours
        return moment.rows(f"{sql} AND decision IN ({marks})", [domain, self._read, *words])

    def _case(self, row: Mapping[str, Any]) -> Case:
        asked = json.loads(row["request"] or "{}")
        return Case(
            position=row["seq"],
            decision_id=row["decision_id"],
            domain=row["domain"],
            subject_id=row["subject_id"],
            event_timestamp=datetime.fromisoformat(row["event_timestamp"]),
            decided_at=datetime.fromisoformat(row["recorded_at"]),
            decision=row["decision"],
            score=row["score"],
            amount=asked.get(self.domains[row["domain"]].amount),
        )


def _after(case: Case, row: Mapping[str, Any]) -> Case:
    """A case once one more event has happened to it."""
    body, at = json.loads(row["body"]), datetime.fromisoformat(row["recorded_at"])
    step: Step = body["step"]
    after = replace(case, steps=case.steps + 1, holder=None, held_until=None)
    match step:
        case "claim":
            return replace(after, holder=row["actor"], held_until=at + HELD)
        case "resolve":
            found = body["outcome"]
            return replace(after, resolved_by=row["actor"], resolved_at=at, outcome=found)
        case "release":
            return after


def claim(case: Case, actor: str, now: datetime) -> Event:
    """The event by which someone takes a case, or holds it for longer."""
    _refuse_resolved(case)
    holder = case.held_by(now)
    if holder is not None and holder != actor:
        raise refused(
            "review_claimed", f"{holder} holds this case; take another one, or try again later."
        )
    return _event(case, actor, now, "claim")


def release(case: Case, actor: str, now: datetime) -> Event:
    """The event by which someone gives a case back."""
    _refuse_resolved(case)
    _refuse_stranger(case, actor, now)
    return _event(case, actor, now, "release")


def resolve(case: Case, actor: str, now: datetime, outcome: str, note: str | None) -> Event | None:
    """The event by which the holder of a case says what it was; none where they have said so."""
    if (case.resolved_by, case.outcome) == (actor, outcome):
        return None
    _refuse_resolved(case)
    _refuse_stranger(case, actor, now)
    return _event(case, actor, now, "resolve", outcome=outcome, note=note)


def _refuse_resolved(case: Case) -> None:
    if case.resolved_by is not None:
        raise refused(
            "review_resolved", f"{case.resolved_by} has resolved this case; there is nothing to do."
        )


def _refuse_stranger(case: Case, actor: str, now: datetime) -> None:
    if case.held_by(now) != actor:
        raise refused(
            "review_not_held", "You do not hold this case, or no longer; claim it and try again."
        )


def _event(case: Case, actor: str, now: datetime, step: Step, **more: Any) -> Event:
    key = f"{case.decision_id}/{case.steps + 1}"
    moment = now.astimezone(UTC)
    return Event("review", case.domain, key, actor, moment, body={"step": step, **more})


Act = Callable[[Case, datetime], Event | None]
"""What somebody wants to do to a case, as an event; none where nothing is left to do."""


def act(queue: ReviewQueue, writing: Ledger, decision_id: str, step: Act) -> Case:
    """Do something to a case; look again where somebody else was quicker."""
    while True:
        case = queue.find(decision_id)
        event = step(case, datetime.now(UTC))
        if event is None or record_step(writing, queue.records(case, event)):
            return queue.find(decision_id)


def record_step(ledger: Ledger, records: Sequence[Record]) -> bool:
    """Write an event and what follows from it in one transaction; nothing where it is too late."""
    with ledger.writing() as (_, writing):
        for record in records:
            table = table_of(type(record))
            if writing.insert(table, table.values(record)) is None and record is records[0]:
                return False
    return True


@dataclass(frozen=True)
class Wanted:
    """Which open cases someone wants to see, and in which order."""

    domain: str | None = None
    state: Literal["open", "waiting", "claimed"] = "open"
    """`waiting` is held by nobody; `open` is either."""
    claimed_by: str | None = None
    minimum_amount: float | None = None
    sort: Literal["oldest", "amount"] = "oldest"


def open_cases(cases: Iterable[Case], wanted: Wanted, now: datetime) -> list[Case]:
    """The unresolved cases that are wanted: the oldest first, or those with the most money."""
    found = [case for case in cases if _is_wanted(case, wanted, now)]
    return sorted(found, key=lambda case: sort_key(case, wanted.sort))


def sort_key(case: Case, sort: str) -> tuple[float, int]:
    """Where a case stands; another one for every case, so that a page knows where to go on."""
    money = case.amount or 0.0
    return (-money if sort == "amount" else 0.0, case.position)


def _is_wanted(case: Case, wanted: Wanted, now: datetime) -> bool:
    holder = case.held_by(now)
    return (
        case.resolved_by is None
        and wanted.domain in (None, case.domain)
        and (wanted.state == "open" or (holder is None) == (wanted.state == "waiting"))
        and wanted.claimed_by in (None, holder)
        and (wanted.minimum_amount is None or (case.amount or 0.0) >= wanted.minimum_amount)
    )
