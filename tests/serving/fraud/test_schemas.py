"""A payment is taken strictly, and named by pseudonyms from then on."""

from __future__ import annotations

import json

import pytest

from components.common.contracts import TRANSACTIONS
from components.common.errors import FinloopError
from components.common.identity import pseudonymise
from serving.common.outcome_report import read_reports, schema
from serving.common.parsing import parse
from serving.fraud.schemas import FraudOutcome, Payment, PaymentDecision, PaymentRequest

KEY = b"key"
WHOLE = {
    "transaction_id": "t1",
    "event_timestamp": "2026-03-01T21:00:00.5+09:00",
    "user_id": "kim",
    "merchant_id": "shop",
    "amount": 1000,
    "category": "restaurant",
    "channel": "card",
    "device_id": "phone",
    "latitude": 37.5,
    "longitude": 127.0,
}
OUTCOME = {
    "kind": "fraud",
    "transaction_id": "t1",
    "is_fraud": True,
    "outcome_timestamp": "2026-03-08T00:00:00Z",
    "source": "chargeback",
}
KINDS = {"fraud": FraudOutcome}


def body(base: dict[str, object], **changes: object) -> bytes:
    kept = {name: value for name, value in {**base, **changes}.items() if value is not ...}
    return json.dumps(kept).encode()


def test_the_canonical_form_has_exactly_the_columns_of_the_contract() -> None:
    known = json.loads(parse(Payment, body(WHOLE)).canonical())
    assert set(known) == {column.name for column in TRANSACTIONS.columns}
    assert known["event_timestamp"] == "2026-03-01T12:00:00.500000+00:00"
    assert known["amount"] == 1000.0


def test_what_is_optional_may_be_left_out_or_null() -> None:
    optional = [column.name for column in TRANSACTIONS.columns if not column.required]
    without = parse(Payment, body(WHOLE, **dict.fromkeys(optional, ...)))
    assert without == parse(Payment, body(WHOLE, **dict.fromkeys(optional)))


def test_people_and_devices_are_known_by_pseudonym() -> None:
    known = parse(PaymentRequest, body(WHOLE)).by_pseudonym(KEY)
    assert (known.user_id, known.device_id) == (
        pseudonymise("kim", KEY),
        pseudonymise("phone", KEY),
    )
    assert known.merchant_id == "shop"
    assert parse(PaymentRequest, body(WHOLE, device_id=None)).by_pseudonym(KEY).device_id is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": -0.01}, "out_of_range"),
        ({"amount": "1000"}, "wrong_type"),
        ({"amount": float("nan")}, "not_a_number"),
        ({"amount": 1e16}, "out_of_range"),
        ({"latitude": 91}, "out_of_range"),
        ({"event_timestamp": "0001-01-01T00:00:00+09:00"}, "out_of_range"),
        ({"longitude": -181}, "out_of_range"),
        ({"transaction_id": ""}, "wrong_length"),
        ({"user_id": "x" * 129}, "wrong_length"),
        ({"user_id": 7}, "wrong_type"),
        ({"merchant_id": ...}, "missing_field"),
        ({"merchant_id": None}, "wrong_type"),
        ({"event_timestamp": "2026-03-01T21:00:00"}, "timestamp_without_zone"),
        ({"event_timestamp": 1772366400}, "wrong_type"),
        ({"is_fraud": True}, "unknown_field"),
    ],
)
def test_anything_else_is_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(FinloopError) as raised:
        parse(PaymentRequest, body(WHOLE, **changes))
    assert (raised.value.http_status, raised.value.code) == (422, code)
    assert next(iter(changes)) in raised.value.message


def test_one_outcome_or_a_list_of_them() -> None:
    assert read_reports(body(OUTCOME), KINDS)[0][1].subject_id == "t1"
    listed = json.dumps({"outcomes": [OUTCOME, {**OUTCOME, "transaction_id": "t2"}]}).encode()
    reports = read_reports(listed, KINDS)
    assert [(kind, one.subject_id, one.label) for kind, one in reports] == [
        ("fraud", "t1", True),
        ("fraud", "t2", True),
    ]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (body(OUTCOME, kind="theft"), "unknown_kind"),
        (body(OUTCOME, kind=...), "unknown_kind"),
        (body(OUTCOME, kind=1), "wrong_type"),
        (body(OUTCOME, is_fraud="yes"), "wrong_type"),
        (body(OUTCOME, is_fraud=1), "wrong_type"),
        (body(OUTCOME, source=...), "missing_field"),
        (body(OUTCOME, note="x"), "unknown_field"),
        (b'{"outcomes": []}', "wrong_length"),
        (b'{"outcomes": [1]}', "wrong_type"),
        (b'{"outcomes": [{"kind": "fraud"}]}', "missing_field"),
        (json.dumps({"outcomes": [OUTCOME], "more": 1}).encode(), "unknown_field"),
        (b"{", "malformed_json"),
    ],
)
def test_outcomes_are_taken_as_strictly(sent: bytes, code: str) -> None:
    with pytest.raises(FinloopError) as raised:
        read_reports(sent, KINDS)
    assert raised.value.code == code


def test_the_page_shows_a_payment_that_would_be_taken() -> None:
    (example,) = PaymentRequest.model_json_schema()["examples"]
    assert parse(PaymentRequest, json.dumps(example).encode()).user_id == example["user_id"]


def test_the_page_knows_both_forms_of_outcomes() -> None:
    one, listed = schema(KINDS)["oneOf"]
    assert one["properties"]["kind"]["const"] == "fraud"
    assert listed["properties"]["outcomes"]["items"]["oneOf"] == [one]


def test_every_field_of_an_answer_is_there_even_when_it_is_null() -> None:
    assert all(field.is_required() for field in PaymentDecision.model_fields.values())


def test_the_example_of_an_answer_is_one() -> None:
    (example,) = PaymentDecision.model_json_schema()["examples"]
    answer = PaymentDecision.model_validate(example)
    assert (answer.decision, answer.reasons[0].code) == ("DECLINE", "AMOUNT_UNUSUAL")
