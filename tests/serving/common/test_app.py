"""What every endpoint has in common: keys, problems, metrics, the record and the page."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from components.common.records import Outcome
from components.common.settings import Settings
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.position import Position
from serving.common.runtime import Runtime
from tests.serving.desk import Desk, payment

PROBLEM = "application/problem+json"


def outcome(**changes: Any) -> dict[str, Any]:
    known = {
        "kind": "fraud",
        "transaction_id": "t1",
        "is_fraud": True,
        "outcome_timestamp": "2026-03-08T00:00:00Z",
        "source": "chargeback",
    }
    return {**known, **changes}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/fraud/decisions"),
        ("POST", "/v1/outcomes"),
        ("GET", "/v1/decisions/x"),
    ],
)
@pytest.mark.parametrize(("key", "code"), [("", "api_key_missing"), ("wrong", "api_key_wrong")])
def test_nothing_is_answered_without_a_key(
    desk: Desk, method: str, path: str, key: str, code: str
) -> None:
    answer = desk.client.request(method, path, headers={"X-API-Key": key}, content=b"{")
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["content-type"] == PROBLEM


def test_a_key_may_come_as_a_bearer_token(desk: Desk) -> None:
    key = desk.client.headers.pop("X-API-Key")
    answer = desk.client.get("/v1/decisions/x", headers={"Authorization": f"Bearer {key}"})
    assert answer.json()["code"] == "unknown_decision"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b"", 400, "malformed_json"),
        (b"x" * 10 * 1024 * 1024, 413, "body_too_large"),
        (json.dumps(payment(extra=1)).encode(), 422, "unknown_field"),
        (json.dumps(payment(amount=-5)).encode(), 422, "out_of_range"),
        (json.dumps(payment(amount=float("nan"))).encode(), 422, "not_a_number"),
        (json.dumps(payment(amount="5")).encode(), 422, "wrong_type"),
        (
            json.dumps(payment(event_timestamp="2999-01-01T00:00:00Z")).encode(),
            422,
            "timestamp_in_future",
        ),
        (
            json.dumps(payment(event_timestamp="9999-12-31T23:59:59-12:00")).encode(),
            422,
            "timestamp_in_future",
        ),
    ],
)
def test_bad_input_is_a_problem_and_nothing_is_decided(
    desk: Desk, content: bytes, status: int, code: str
) -> None:
    answer = desk.client.post("/v1/fraud/decisions", content=content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == status
    assert answer.json()["detail"].endswith(".")
    assert list(desk.runtime.ledger.decisions()) == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("POST", "/v1/credit/decisions", 404, "not_found"),
        ("GET", "/v1/fraud/decisions", 405, "method_not_allowed"),
        ("DELETE", "/v1/outcomes", 405, "method_not_allowed"),
    ],
)
def test_what_does_not_exist_is_a_problem(
    desk: Desk, method: str, path: str, status: int, code: str
) -> None:
    answer = desk.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_recorded_decision_can_be_read_with_what_became_of_it(desk: Desk) -> None:
    answer = desk.decide().json()
    desk.client.post("/v1/outcomes", json=outcome())
    found = desk.client.get(f"/v1/decisions/{answer['decision_id']}").json()
    assert found["answer"] == answer
    assert found["request"]["user_id"] != "kim"
    assert (found["arm"], found["version"], found["error"]) == ("champion", "1", None)
    assert found["outcomes"] == [
        {"label": True, "known_at": "2026-03-08T00:00:00Z", "source": "chargeback"}
    ]


def test_outcomes_are_taken_once(desk: Desk) -> None:
    desk.decide()
    desk.decide(transaction_id="t2")
    first = desk.client.post("/v1/outcomes", json=outcome())
    batch = {"outcomes": [outcome(), outcome(transaction_id="t2", is_fraud=False)]}
    second = desk.client.post("/v1/outcomes", json=batch)
    assert first.json() == {"accepted": 1, "known": 0}
    assert second.json() == {"accepted": 1, "known": 1}
    known_at = datetime(2026, 3, 8, tzinfo=UTC)
    kept = [(one.subject_id, one.label, one.known_at) for one in desk.runtime.ledger.outcomes()]
    assert kept == [("t1", True, known_at), ("t2", False, known_at)]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"transaction_id": "unknown"}, 404, "unknown_subject"),
        ({"is_fraud": "maybe"}, 422, "wrong_type"),
        ({"outcome_timestamp": "2999-01-01T00:00:00Z"}, 422, "timestamp_in_future"),
    ],
)
def test_a_bad_outcome_in_a_list_takes_the_whole_list_with_it(
    desk: Desk, changes: dict[str, Any], status: int, code: str
) -> None:
    desk.decide()
    answer = desk.client.post("/v1/outcomes", json={"outcomes": [outcome(), outcome(**changes)]})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    found: list[Outcome] = list(desk.runtime.ledger.outcomes())
    assert found == []


def test_metrics_count_decisions_and_never_name_an_id(desk: Desk) -> None:
    desk.decide(amount=90_000.0)
    desk.client.get("/v1/decisions/some-id-of-a-decision")
    text = desk.client.get("/metrics").text
    assert re.search(
        r'finloop_decisions_total\{arm="champion",decision="DECLINE",domain="fraud",'
        r'model="fraud-xgboost",version="1"\} [1-9]',
        text,
    )
    assert 'finloop_degraded_total{domain="fraud",what="fraud_user_daily_missing"}' in text
    assert 'endpoint="/v1/decisions/{decision_id}"' in text
    assert 'finloop_request_seconds_count{endpoint="/v1/fraud/decisions",method="POST"}' in text
    assert "some-id-of-a-decision" not in text
    assert re.search(r"^finloop_manifest_generation 1\.0$", text, re.MULTILINE)


def test_the_page_asks_no_foreign_address(desk: Desk) -> None:
    for path in ("/", "/docs"):
        page = desk.client.get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert re.findall(r"https?://[^\"' ]+", page.text) == []


def test_the_page_describes_every_endpoint_with_an_example(desk: Desk) -> None:
    described = desk.client.get("/openapi.json").json()
    assert set(described["paths"]) == {
        "/v1/credit/scores",
        "/v1/credit/scores/{decision_id}",
        "/v1/fraud/decisions",
        "/v1/recommendations/{user_id}",
        "/v1/outcomes",
        "/v1/decisions/{decision_id}",
        "/v1/reviews",
        *(f"/v1/reviews/{{decision_id}}/{step}" for step in ("claim", "release", "resolve")),
    }
    decide = described["paths"]["/v1/fraud/decisions"]["post"]
    schema = decide["requestBody"]["content"]["application/json"]["schema"]
    assert schema["examples"][0]["amount"] > 0
    assert set(decide["responses"]) == {
        *("200", "400", "401", "409", "413", "422", "503", "504", "default")
    }
    assert "HTTPValidationError" not in described["components"]["schemas"], "it is never answered"
    for status, answer in decide["responses"].items():
        (content,) = answer["content"].values()
        assert status in ("200", "default") or content["example"]["status"] == int(status)
    assert {"APIKeyHeader", "HTTPBearer"} <= set(described["components"]["securitySchemes"])


def test_it_is_not_ready_before_a_manifest_and_decides_all_the_same(
    settings: Settings, eventually: Any
) -> None:
    runtime = Runtime(settings, services())
    with TestClient(make_app(runtime), headers={"X-API-Key": "a key of the tests"}) as client:
        eventually(lambda: runtime.ledger_is_open, "opening the ledger")
        assert not runtime.ready
        answer = client.post("/v1/fraud/decisions", json=payment())
        assert (answer.status_code, answer.json()["decision"]) == (200, "REVIEW")


def test_nothing_is_decided_before_the_ledger_opens(
    settings: Settings, eventually: Any, tmp_path: Path
) -> None:
    settings.home.mkdir()
    settings.ledger.write_bytes(b"not a database" * 1000)
    runtime = Runtime(settings, services())
    with TestClient(make_app(runtime), headers={"X-API-Key": "a key of the tests"}) as client:
        answer = client.post("/v1/fraud/decisions", json=payment())
        assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
        assert not runtime.ready
        settings.ledger.rename(tmp_path / "aside")
        eventually(lambda: runtime.ledger_is_open, "opening the ledger once it can be")
        assert client.post("/v1/fraud/decisions", json=payment()).status_code == 200


def test_a_new_worker_knows_what_was_decided_before_it_started(desk: Desk, eventually: Any) -> None:
    when = datetime.now(UTC) - timedelta(minutes=5)
    desk.decide(event_timestamp=when.isoformat())
    other = Runtime(desk.runtime.settings, services())
    with TestClient(make_app(other), headers=desk.client.headers) as client:
        eventually(lambda: other.ready, "catching up")
        client.post("/v1/fraud/decisions", json=payment(transaction_id="t2"))
    later = desk.runtime.ledger.decision_on("fraud", "t2")
    assert later is not None
    assert json.loads(later.features)["inputs"]["history_count"] == 1.0


def test_a_worker_forgets_what_the_store_holds_however_early_it_was_carried(
    desk: Desk, eventually: Any
) -> None:
    recent, place = desk.runtime.recent["fraud"], 0
    for number in range(20):
        desk.decide(transaction_id=f"t{number}")
        ((place, _),) = desk.runtime.ledger.decisions_after(place, 2)
        Position(desk.runtime.settings.serving).write("fraud", place)
    eventually(lambda: len(recent) == 0, "forgetting")
