"""Traffic against a real HTTP server: what is sent, in which order, and what is counted."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow as pa
import pytest

from components.common.contracts import TRANSACTIONS
from components.common.processes import free_port
from demo.traffic import DecisionTraffic, OutcomeTraffic, send, send_outcomes
from demo.world import World, WorldConfig, simulate
from serving.fraud.schemas import FraudOutcome, PaymentRequest

START, END = datetime(2025, 1, 3, tzinfo=UTC), datetime(2025, 1, 4, tzinfo=UTC)
CONCURRENCY = 4


class Service:
    """A small service that remembers what it was asked and how much of it at once."""

    def __init__(self, together: int = 1) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.broken: set[str] = set()
        self.under_way: Counter[str] = Counter()
        self.most_at_once = 0
        self.overlapped = False
        self.lock = threading.Lock()
        self.first = threading.Barrier(together)
        self.waiting = together

    def begin(self, path: str, headers: dict[str, str], body: bytes) -> None:
        with self.lock:
            self.asked.append((path, headers, body))
            wait = self.waiting > 0
            self.waiting -= 1
            user = json.loads(body).get("user_id", "")
            self.overlapped |= self.under_way[user] > 0
            self.under_way[user] += 1
            self.most_at_once = max(self.most_at_once, self.under_way.total())
        if wait:
            self.first.wait(timeout=60)

    def end(self, body: bytes) -> None:
        with self.lock:
            self.under_way[json.loads(body).get("user_id", "")] -= 1

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if path == "/v1/outcomes":
            number = len(body.get("outcomes", [body]))
            return 200, json.dumps({"accepted": number - 1, "known": 1}).encode()
        name = body["transaction_id"]
        if name in self.broken:
            return 503, json.dumps({"status": 503, "code": "ledger_unavailable"}).encode()
        if name.endswith("7"):
            return 502, b"<html>"
        model = {"version": "3", "arm": "champion"} if body["amount"] < 20_000 else None
        decision = "APPROVE" if model else "REVIEW"
        answer = {"decision_id": f"d-{name}", "decision": decision, "model": model}
        return 200, json.dumps(answer).encode()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.asked]


@contextmanager
def serving(service: Service) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.begin(self.path, dict(self.headers.items()), body)
            status, answer = service.answer(self.path, json.loads(body))
            service.end(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(WorldConfig(users=60, merchants=20, days=10, seed=3))


@pytest.fixture(scope="module")
def expected(world: World) -> list[dict[str, Any]]:
    rows = world.tables["transactions"].to_pylist()
    return [row for row in rows if START <= row["event_timestamp"] < END]


def _send(table: pa.Table, base: str, **options: Any) -> DecisionTraffic:
    options = {"start": START, "end": END, "concurrency": CONCURRENCY, **options}
    return asyncio.run(send(table, base=base, api_key="secret", **options))


def _report(table: pa.Table, base: str, **options: Any) -> OutcomeTraffic:
    return asyncio.run(send_outcomes(table, base=base, api_key="secret", **options))


def test_every_payment_of_the_span_is_asked_once(
    world: World, expected: list[dict[str, Any]]
) -> None:
    service, heard = Service(), []
    with serving(service) as base:
        traffic = _send(world.tables["transactions"], base, on_answer=lambda: heard.append(1))
    assert traffic.sent == len(expected) == len(service.asked) == len(heard)
    sent = {body["transaction_id"]: body for body in service.bodies}
    for row in expected:
        body = sent[row["transaction_id"]]
        assert datetime.fromisoformat(body.pop("event_timestamp")) == row.pop("event_timestamp")
        assert body == {name: value for name, value in row.items() if value is not None}
    assert {path for path, _, _ in service.asked} == {"/v1/fraud/decisions"}
    assert {headers["X-API-Key"] for _, headers, _ in service.asked} == {"secret"}


def test_the_service_reads_what_is_sent(world: World) -> None:
    service = Service()
    with serving(service) as base:
        _send(world.tables["transactions"], base)
    for _, _, body in service.asked:
        assert set(json.loads(body)) <= {column.name for column in TRANSACTIONS.columns}
        assert PaymentRequest.model_validate_json(body).event_timestamp >= START


def test_many_users_at_once_but_each_in_order(world: World) -> None:
    service = Service(together=CONCURRENCY)
    with serving(service) as base:
        _send(world.tables["transactions"], base)
    assert service.most_at_once == CONCURRENCY
    assert not service.overlapped
    by_user = defaultdict(list)
    for body in service.bodies:
        by_user[body["user_id"]].append(body["transaction_id"])
    assert max(len(names) for names in by_user.values()) > 3
    assert all(names == sorted(names) for names in by_user.values())


def test_answers_and_failures_are_counted(world: World) -> None:
    rows = world.tables["transactions"].to_pylist()
    rows = [row for row in rows if START <= row["event_timestamp"] < END]
    service = Service()
    service.broken = {row["transaction_id"] for row in rows[:5]}
    with serving(service) as base:
        traffic = _send(world.tables["transactions"], base)
    gateway = [row for row in rows[5:] if row["transaction_id"].endswith("7")]
    decided = [row for row in rows[5:] if not row["transaction_id"].endswith("7")]
    small = sum(row["amount"] < 20_000 for row in decided)
    assert traffic.statuses == {"200": len(decided), "502": len(gateway), "503": 5}
    assert traffic.problems == {"ledger_unavailable": 5, "unreadable_answer": len(gateway)}
    assert traffic.decisions == {"APPROVE": small, "REVIEW": len(decided) - small}
    assert traffic.arms == {"champion": small, "none": len(decided) - small}
    assert traffic.versions == {"3": small, "none": len(decided) - small}
    ids = {row["transaction_id"]: f"d-{row['transaction_id']}" for row in decided}
    assert traffic.decision_ids == ids


def test_a_service_that_is_gone_is_counted_and_not_asked_again(
    world: World, expected: list[dict[str, Any]]
) -> None:
    traffic = _send(world.tables["transactions"], f"http://127.0.0.1:{free_port(42_000)}")
    assert traffic.problems == {"connection_failed": len(expected)}
    assert traffic.sent == len(expected)
    assert traffic.decision_ids == {}


def test_a_service_that_never_answers_is_a_timeout(world: World) -> None:
    service = Service(together=2)  # one request alone waits for a second one that never comes
    with serving(service) as base:
        one = world.tables["transactions"].slice(0, 1)
        traffic = _send(one, base, start=None, end=None, timeout=0.2)
        service.first.abort()
    assert traffic.problems == {"timeout": 1}


def test_outcomes_known_by_a_time_are_reported_in_batches(world: World) -> None:
    outcomes, known_by = world.tables["outcomes"], START + timedelta(days=4)
    rows = outcomes.to_pylist()
    only = {row["transaction_id"] for row in rows[::2]}
    known = [
        row
        for row in rows
        if START <= row["outcome_timestamp"] < known_by and row["transaction_id"] in only
    ]
    service = Service()
    with serving(service) as base:
        traffic = _report(outcomes, base, since=START, known_by=known_by, only=only, batch=10)
    batches = -(-len(known) // 10)
    assert len(known) > 20
    assert len(service.asked) == batches
    assert {path for path, _, _ in service.asked} == {"/v1/outcomes"}
    bodies = [body.get("outcomes", [body]) for body in service.bodies]
    reports = [
        FraudOutcome.model_validate_json(json.dumps(one)) for several in bodies for one in several
    ]
    assert [(one.subject_id, one.label, one.outcome_timestamp, one.source) for one in reports] == [
        (row["transaction_id"], row["is_fraud"], row["outcome_timestamp"], row["source"])
        for row in known
    ]
    assert traffic.sent == len(known)
    assert (traffic.accepted, traffic.known) == (len(known) - batches, batches)
    assert traffic.statuses == {"200": batches}
    assert traffic.problems == {}


def test_a_lone_outcome_is_sent_alone(world: World) -> None:
    outcomes = world.tables["outcomes"].slice(0, 3)
    service = Service()
    with serving(service) as base:
        traffic = _report(outcomes, base, known_by=datetime(2030, 1, 1, tzinfo=UTC), batch=1)
    assert traffic.sent == len(service.asked) == 3
    first = service.bodies[0]
    assert set(first) == {"kind", "transaction_id", "is_fraud", "outcome_timestamp", "source"}
    assert first["kind"] == "fraud"
