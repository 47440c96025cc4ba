"""What a rule set would have decided on the ledger, and the commands around rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from components.common.errors import FinloopError
from components.common.identity import pseudonymise
from components.common.ledger import Ledger, canonical_json
from components.common.records import Decision, Outcome
from components.common.settings import Settings
from components.fraud.rules import SHIPPED, rules_in_force
from components.fraud.rules.fields import fields
from components.fraud.rules.ruleset import RuleSet
from components.fraud.rules.trial import Trial, try_rules
from finloop import app

FIRST = datetime(2026, 3, 1, 15, tzinfo=UTC)  # midnight in Seoul
RULES = """
lists: {friends: [friend]}
rules:
  - id: dear
    action: review
    reason: DEAR_PAYMENT
    text_en: It is dear.
    text_ko: 금액이 큽니다.
    when: {field: amount, operator: ">", value: 1000}
  - id: friends
    action: approve
    reason: A_FRIEND
    text_en: It is a friend.
    text_ko: 지인입니다.
    when: {field: merchant_id, operator: in, list: friends}
"""
NONE = RuleSet.of({"rules": []})
JUDGED = {0.1: "LOW", 0.5: "MEDIUM", 0.9: "HIGH", None: "MEDIUM"}
# payment: customer, amount, merchant, probability, what became of it
PAYMENTS: list[tuple[str, float, str, float | None, bool | None]] = [
    ("ana", 10.0, "shop", 0.1, False),
    ("ana", 2000.0, "shop", 0.1, False),
    ("ana", 3000.0, "shop", 0.1, False),
    ("ben", 4000.0, "shop", 0.1, True),
    ("ben", 50.0, "shop", 0.1, True),
    ("cho", 60.0, "friend", 0.5, False),
    ("cho", 70.0, "friend", 0.9, False),
    ("dan", 80.0, "shop", None, None),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(Settings(home=tmp_path).ledger)
    opened.append([decision(number, *one) for number, one in enumerate(PAYMENTS)])
    opened.append([outcome(n, one[-1]) for n, one in enumerate(PAYMENTS) if one[-1] is not None])
    yield opened
    opened.close()


def decision(
    number: int, customer: str, amount: float, merchant: str, probability: float | None, *_: object
) -> Decision:
    when = FIRST + timedelta(hours=number)
    request = {"user_id": customer, "merchant_id": merchant, "amount": amount}
    answer = {"probability": probability, "risk_level": JUDGED[probability]}
    return Decision(
        decision_id=f"d{number}",
        domain="fraud",
        subject_id=f"t{number}",
        entity_id=customer,
        event_timestamp=when,
        recorded_at=when,
        model="fraud-xgboost",
        version="1",
        digest="0" * 64,
        arm="champion",
        score=probability,
        decision="APPROVE",
        latency_ms=1.0,
        error=None,
        request=canonical_json(request),
        features=canonical_json({"inputs": {}}),
        answer=canonical_json(answer),
    )


def outcome(number: int, label: bool, later: int = 0) -> Outcome:
    known = FIRST + timedelta(days=7 + later)
    return Outcome("fraud", f"t{number}", label, known, "chargeback", known)


def tried(ledger: Ledger, since: datetime = FIRST) -> Trial:
    return try_rules(ledger, "fraud", RuleSet.parse(RULES), NONE, since)


def counts(sums: dict[str, Any]) -> dict[str, int]:
    return {name: one["count"] for name, one in sums.items()}


def test_counts_and_money_of_each_decision(ledger: Ledger) -> None:
    told = tried(ledger).as_json()
    assert (told["decisions"], told["outcomes_known"], told["good_customers"]) == (8, 7, 2)
    now, then = told["current"]["decisions"], told["proposed"]["decisions"]
    assert counts(now) == {"APPROVE": 5, "STEP_UP": 0, "REVIEW": 2, "DECLINE": 1}
    assert counts(then) == {"APPROVE": 3, "STEP_UP": 0, "REVIEW": 4, "DECLINE": 1}
    assert (now["REVIEW"]["amount"], then["REVIEW"]["amount"]) == (140.0, 9080.0)


def test_fraud_that_is_caught_and_good_customers_that_are_stopped(ledger: Ledger) -> None:
    told = tried(ledger).as_json()
    now, then = told["current"], told["proposed"]
    assert (now["fraud_caught"]["count"], then["fraud_caught"]) == (
        0,
        {"count": 1, "amount": 4000.0},
    )
    assert then["fraud_missed"] == {"count": 1, "amount": 50.0}
    assert now["good_stopped"] == {"count": 2, "amount": 130.0}
    assert then["good_stopped"] == {"count": 3, "amount": 5070.0}
    assert then["good_declined"] == {"count": 1, "amount": 70.0}
    # ana is stopped twice and is one customer; cho is declined still
    assert (now["good_customers_stopped"], then["good_customers_stopped"]) == (1, 2)
    assert then["good_customers_stopped_share"] == 1.0


def test_what_each_rule_has_to_do_with_it(ledger: Ledger) -> None:
    by_rule = tried(ledger).as_json()["proposed"]["by_rule"]
    assert counts(by_rule["dear"]) == {"applied": 3, "decided": 3, "fraud": 1, "good": 2}
    assert counts(by_rule["friends"]) == {"applied": 2, "decided": 1, "fraud": 0, "good": 2}


def test_what_changes_against_the_other_rules(ledger: Ledger) -> None:
    assert tried(ledger).as_json()["changes"] == [
        {"from": "APPROVE", "to": "REVIEW", "count": 3, "amount": 9000.0},
        {"from": "REVIEW", "to": "APPROVE", "count": 1, "amount": 60.0},
    ]


def test_only_payments_since_then_count(ledger: Ledger) -> None:
    assert tried(ledger, FIRST + timedelta(hours=6)).decisions == 2
    assert tried(ledger, FIRST + timedelta(hours=8)).as_json()["decisions"] == 0


def test_the_newest_outcome_counts(ledger: Ledger) -> None:
    ledger.append([outcome(3, label=False, later=1)])
    assert tried(ledger).as_json()["proposed"]["fraud_caught"]["count"] == 0


@pytest.fixture
def rules(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `finloop rules …` on that ledger, with the rule file in the working folder."""
    monkeypatch.setenv("FINLOOP_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text(RULES, encoding="utf-8")

    def run(*words: str) -> Result:
        result = CliRunner().invoke(app, ["rules", *words])
        if isinstance(result.exception, FinloopError):
            raise result.exception
        return result

    return run


def test_the_command_compares_with_the_rules_in_force(rules: Callable[..., Result]) -> None:
    told = json.loads(rules("test", "rules.yaml", "--since", "2026-03-02", "--json").stdout)
    assert (told["since"], told["decisions"]) == ("2026-03-02", 8)
    assert told["current"]["rules"] == rules_in_force().digest
    assert told["proposed"]["rules"] == RuleSet.parse(RULES).digest
    later = json.loads(rules("test", "rules.yaml", "--since", "2026-03-03", "--json").stdout)
    assert later["decisions"] == 0


def test_the_command_tells_people(rules: Callable[..., Result]) -> None:
    shown = rules("test", "rules.yaml", "--since", "2026-03-02", "--against", str(SHIPPED)).stdout
    assert "8 decisions, 7 with a known outcome, 2 customers" in shown
    assert "APPROVE → REVIEW: 3 payments, 9,000" in shown


def test_a_file_is_checked_and_shown(rules: Callable[..., Result]) -> None:
    assert "2 of 2 rules are enabled" in rules("check", "rules.yaml").stdout
    Path("wrong.yaml").write_text(RULES.replace("amount", "amont"), encoding="utf-8")
    with pytest.raises(FinloopError, match="rule 'dear': there is no field 'amont'; did you mean"):
        rules("check", "wrong.yaml")


def test_the_shipped_rules_are_shown(rules: Callable[..., Result]) -> None:
    told = json.loads(rules("show", "--json").stdout)
    assert told["digest"] == rules_in_force().digest
    assert RuleSet.of({"rules": told["rules"], "lists": told["lists"]}).digest == told["digest"]


def test_every_field_is_listed(rules: Callable[..., Result]) -> None:
    listed = json.loads(rules("fields", "--json").stdout)["fields"]
    assert [one["name"] for one in listed] == list(fields())
    assert {"amount", "device_id", "count_last_1h", "probability", "card_number_valid"} <= {
        one["name"] for one in listed if one["description"]
    }
    assert "amount_to_max_last_64" in rules("fields").stdout


def test_a_list_of_raw_ids_becomes_one_of_pseudonyms(
    rules: Callable[..., Result], tmp_path: Path
) -> None:
    Path("ids.txt").write_text("phone-1\nphone-2\n", encoding="utf-8")
    key = Settings(home=tmp_path).pseudonym_secret()
    made = rules("pseudonyms", "ids.txt").stdout.split()
    assert made == [pseudonymise("phone-1", key), pseudonymise("phone-2", key)]
    with pytest.raises(FinloopError, match="cannot be read as text"):
        rules("pseudonyms", "nowhere.txt")
