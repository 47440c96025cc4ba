"""The review queue: what waits, who holds it, and that nobody resolves what another one has."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from httpx import Response
from starlette.testclient import TestClient

from components.common.ledger import Ledger
from components.common.ledger_rows import stage_ledger
from components.common.records import Decision
from components.common.settings import Settings
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.review_queue import (
    HELD,
    Reviewed,
    ReviewQueue,
    claim,
    record_step,
    resolve,
)
from serving.common.runtime import Runtime

NOW = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = {"fraud": Reviewed(("REVIEW",), "amount", {"genuine": False, "fraud": True})}
PEOPLE = ("ana", "ben", "cho")
RESOLVED = {"outcome": "fraud", "note": "The customer does not know it."}


@pytest.fixture
def cases(ledger: Ledger, decided: Callable[..., Decision]) -> list[Decision]:
    """Four payments, of which three wait for a person."""
    made = [
        decided(1, decision="REVIEW", amount=300.0),
        decided(2, decision="APPROVE", amount=900.0),
        decided(3, decision="REVIEW", amount=500.0),
        decided(4, decision="REVIEW", amount=100.0),
    ]
    ledger.append(made)
    return made


@pytest.fixture
def many_people(settings: Settings) -> Settings:
    keys = {name: hashlib.sha256(name.encode()).hexdigest() for name in PEOPLE}
    return settings.model_copy(update={"api_keys": keys})


Ask = Callable[..., Response]


@pytest.fixture
def ask(
    many_people: Settings, cases: list[Decision], eventually: Callable[..., None]
) -> Iterator[Ask]:
    """Ask one of two workers of the service as somebody."""
    import feast.metrics  # noqa: F401 - says where metrics are kept, so before the first of them

    with ExitStack() as stack:
        workers = []
        for _ in range(2):
            runtime = Runtime(many_people, services())
            workers.append(stack.enter_context(TestClient(make_app(runtime))))
            eventually(lambda runtime=runtime: runtime.ledger_is_open, "opening the ledger")

        def send(who: str, path: str = "", worker: int = 0, **body: Any) -> Response:
            method = "POST" if path.startswith("/") else "GET"
            return workers[worker].request(
                method,
                f"/v1/reviews{path}",
                headers={"X-API-Key": who},
                json=body if path.endswith("resolve") else None,
            )

        send("ana")  # one at a time, as a worker does: the metrics are made at first use
        yield send


def listed(answer: Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [case["decision_id"] for case in answer.json()["cases"]]


def refused(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_what_waits_for_a_person_the_oldest_first(ask: Ask) -> None:
    answer = ask("ana")
    assert listed(answer) == ["d1", "d3", "d4"]
    assert (answer.json()["open"], answer.json()["next"]) == (3, None)
    first = answer.json()["cases"][0]
    assert (first["subject_id"], first["amount"], first["claimed_by"]) == ("t1", 300.0, None)


def test_or_the_one_with_the_most_money(ask: Ask) -> None:
    assert listed(ask("ana", "?sort=amount")) == ["d3", "d1", "d4"]
    assert listed(ask("ana", "?sort=amount&minimum_amount=300")) == ["d3", "d1"]


@pytest.mark.parametrize("sort", ["oldest", "amount"])
def test_page_after_page_has_every_case_once(ask: Ask, sort: str) -> None:
    seen, after = [], ""
    while after is not None:
        page = ask("ana", f"?limit=1&sort={sort}{after and f'&after={after}'}")
        seen += listed(page)
        after = page.json()["next"]
    assert seen == listed(ask("ana", f"?sort={sort}"))


def test_a_page_goes_on_where_a_case_was_resolved_meanwhile(ask: Ask) -> None:
    first = ask("ana", "?limit=1").json()
    ask("ben", "/d1/claim")
    ask("ben", "/d1/resolve", **RESOLVED)
    assert listed(ask("ana", f"?limit=1&after={first['next']}")) == ["d3"]


def test_cases_can_be_chosen(ask: Ask) -> None:
    ask("ana", "/d1/claim")
    assert listed(ask("ana", "?state=waiting")) == ["d3", "d4"]
    assert listed(ask("ana", "?state=claimed")) == ["d1"]
    assert listed(ask("ana", "?claimed_by=ana")) == ["d1"]
    assert listed(ask("ana", "?claimed_by=ben")) == []
    assert listed(ask("ana", "?domain=fraud&limit=1")) == ["d1"]
    assert listed(ask("ana", "?domain=credit")) == []


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=201", "?sort=newest", "?after=x", "?state=x"]
)
def test_a_question_that_makes_no_sense_is_refused(ask: Ask, query: str) -> None:
    assert refused(ask("ana", query)) == (422, "wrong_type")


def test_a_case_that_somebody_holds_is_nobody_elses(ask: Ask) -> None:
    held = ask("ana", "/d1/claim").json()
    assert held["claimed_by"] == "ana"
    assert datetime.fromisoformat(held["claimed_until"]) > datetime.now(UTC)
    for worker in (0, 1):
        assert refused(ask("ben", "/d1/claim", worker)) == (409, "review_claimed")
        assert refused(ask("ben", "/d1/resolve", worker, **RESOLVED)) == (409, "review_not_held")
        assert refused(ask("ben", "/d1/release", worker)) == (409, "review_not_held")
    assert ask("ana", "/d1/claim", 1).status_code == 200


def test_a_case_that_was_given_back_can_be_taken(ask: Ask) -> None:
    ask("ana", "/d1/claim")
    assert ask("ana", "/d1/release").json()["claimed_by"] is None
    assert ask("ben", "/d1/claim", 1).json()["claimed_by"] == "ben"


def test_a_resolution_closes_the_case_and_is_an_outcome(ask: Ask, ledger: Ledger) -> None:
    ask("ana", "/d1/claim")
    case = ask("ana", "/d1/resolve", **RESOLVED).json()
    assert (case["resolved_by"], case["outcome"], case["claimed_by"]) == ("ana", "fraud", None)
    assert listed(ask("ben", worker=1)) == ["d3", "d4"]
    (outcome,) = ledger.outcomes()
    assert (outcome.domain, outcome.subject_id, outcome.label) == ("fraud", "t1", True)
    assert (outcome.source, outcome.known_at) == ("review", outcome.recorded_at)
    note = [event.body.get("note") for event in ledger.events("review")]
    assert note == [None, RESOLVED["note"]]


def test_resolving_twice_is_resolving_once(ask: Ask, ledger: Ledger) -> None:
    ask("ana", "/d1/claim")
    first, again = (ask("ana", "/d1/resolve", worker, **RESOLVED) for worker in (0, 1))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert len(list(ledger.outcomes())) == 1
    for who, outcome in (("ana", "genuine"), ("ben", "fraud")):
        other = ask(who, "/d1/resolve", outcome=outcome)
        assert refused(other) == (409, "review_resolved")
    assert refused(ask("ben", "/d1/claim")) == (409, "review_resolved")
    assert refused(ask("ana", "/d1/release")) == (409, "review_resolved")


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/d9/claim", {}, (404, "unknown_review")),
        ("/d2/claim", {}, (404, "unknown_review")),  # was approved
        ("/d9/resolve", RESOLVED, (404, "unknown_review")),
        ("/d1/resolve", RESOLVED, (409, "review_not_held")),
        ("/d1/resolve", {"outcome": "theft"}, (422, "unknown_outcome")),
        ("/d1/resolve", {"outcome": True}, (422, "wrong_type")),
        ("/d1/resolve", {}, (422, "missing_field")),
        ("/d1/resolve", {"outcome": "fraud", "note": "x" * 2001}, (422, "wrong_length")),
        ("/d1/resolve", {"outcome": "fraud", "by": "ana"}, (422, "unknown_field")),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(
    ask: Ask, ledger: Ledger, path: str, body: dict[str, Any], problem: tuple[int, str]
) -> None:
    assert refused(ask("ana", path, **body)) == problem
    assert ledger.events("review") == []
    assert list(ledger.outcomes()) == []


def test_nothing_is_shown_or_done_without_a_key(ask: Ask, ledger: Ledger) -> None:
    for path in ("", "/d1/claim", "/d1/release", "/d1/resolve"):
        assert refused(ask("nobody", path)) == (401, "api_key_wrong")
    assert ledger.events("review") == []


@pytest.mark.parametrize("attempt", range(3))
def test_of_many_who_claim_at_once_one_holds_it(ask: Ask, ledger: Ledger, attempt: int) -> None:
    together = threading.Barrier(12)

    def run(number: int) -> tuple[str, Response]:
        who = PEOPLE[number % len(PEOPLE)]
        together.wait()
        return who, ask(who, "/d1/claim", number % 2)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(run, range(12)))
    holders = {who for who, answer in answers if answer.status_code == 200}
    assert len(holders) == 1
    assert all(
        refused(answer) == (409, "review_claimed") for who, answer in answers if who not in holders
    )
    assert {event.actor for event in ledger.events("review")} == holders


def test_of_many_who_resolve_at_once_one_does(ask: Ask, ledger: Ledger) -> None:
    """The holder's two browser tabs disagree: one of them is told that it is settled."""
    ask("ana", "/d1/claim")
    together = threading.Barrier(8)

    def run(number: int) -> tuple[str, Response]:
        outcome = ("fraud", "genuine")[number % 2]
        together.wait()
        return outcome, ask("ana", "/d1/resolve", number // 4, outcome=outcome)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(run, range(8)))
    settled = {outcome for outcome, answer in answers if answer.status_code == 200}
    assert len(settled) == 1
    assert {refused(a) for o, a in answers if o not in settled} == {(409, "review_resolved")}
    (outcome,) = ledger.outcomes()
    assert outcome.label is (settled == {"fraud"})


def test_training_takes_a_resolution_as_any_other_outcome(ask: Ask, many_people: Settings) -> None:
    ask("ana", "/d1/claim")
    ask("ana", "/d1/resolve", outcome="genuine")
    with duckdb.connect() as connection:
        assert "outcomes" in stage_ledger(connection, many_people)
        found = connection.sql("SELECT transaction_id, is_fraud, source FROM outcomes").fetchall()
    assert found == [("t1", False, "review")]


def test_a_claim_runs_out(ledger: Ledger, cases: list[Decision]) -> None:
    queue = ReviewQueue(ledger, KINDS)
    assert record_step(ledger, [claim(queue.find("d1"), "ana", NOW)])
    case, later = queue.find("d1"), NOW + HELD
    assert case.held_by(later - timedelta(microseconds=1)) == "ana"
    assert case.held_by(later) is None
    assert record_step(ledger, [claim(case, "ben", later)])
    assert queue.find("d1").held_by(later) == "ben"


def test_who_comes_too_late_writes_nothing(ledger: Ledger, cases: list[Decision]) -> None:
    """The claim ran out and another one took the case between looking and writing."""
    queue = ReviewQueue(ledger, KINDS)
    record_step(ledger, [claim(queue.find("d1"), "ana", NOW)])
    seen = queue.find("d1")
    decided = resolve(seen, "ana", NOW + HELD - timedelta(seconds=1), "fraud", None)
    assert decided is not None
    assert record_step(ledger, [claim(seen, "ben", NOW + HELD)])
    assert not record_step(ledger, queue.records(seen, decided))
    assert list(ledger.outcomes()) == []
    assert queue.find("d1").resolved_by is None


def test_only_the_declared_decisions_of_a_domain_are_cases(
    ledger: Ledger, cases: list[Decision]
) -> None:
    ledger.append([replace(cases[0], decision_id="c1", domain="credit", subject_id="a1")])
    assert [case.decision_id for case in ReviewQueue(ledger, {}).cases()] == []
    both = {**KINDS, "credit": Reviewed(("REFER",), "amount", {})}
    assert {case.domain for case in ReviewQueue(ledger, both).cases()} == {"fraud"}


def test_a_queue_sees_what_came_after_it_looked(
    ledger: Ledger, cases: list[Decision], decided: Callable[..., Decision]
) -> None:
    queue, other = ReviewQueue(ledger, KINDS), ReviewQueue(ledger, KINDS)
    assert len(queue.cases()) == 3
    ledger.append([decided(5, decision="REVIEW")])
    record_step(ledger, [claim(other.find("d5"), "ana", NOW)])
    assert queue.find("d5").held_by(NOW) == "ana"
    assert json.loads(ledger.rows("SELECT body FROM events")[0]["body"]) == {"step": "claim"}
