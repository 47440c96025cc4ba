"""Rules in the answer to a payment: what they decide, what is kept of them, and the replay."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.common.identity import pseudonymise
from components.common.ledger import Ledger
from components.common.records import Decision
from components.common.sealing import seal
from components.fraud.rules import FILE, SHIPPED, rules_in_force
from components.fraud.rules.ruleset import RuleSet
from serving.common.domain import service_of
from serving.common.library import Library
from serving.common.manifest import Deployment, Release
from serving.common.replay import replay
from tests.serving.desk import Desk

DEAR = 90_000.0
"""An amount that every model of the tests declines."""
GOOD_CARD, BAD_CARD = "4111 1111 1111 1111", "4111 1111 1111 1112"
OWN = """
lists:
  friends: [friend]
rules:
  - id: shop-next-door
    action: approve
    reason: KNOWN_SHOP
    text_en: The shop is known.
    text_ko: 알려진 가맹점입니다.
    when: {field: merchant_id, operator: in, list: friends}
  - id: online
    action: step_up
    reason: PAID_ONLINE
    text_en: It is paid online.
    text_ko: 온라인 결제입니다.
    when: {expression: channel == 'online' and risk_level == 'LOW' and probability < 0.5}
  - id: anything-new
    action: review
    reason: NEW_HERE
    text_en: The customer is new.
    text_ko: 신규 고객입니다.
    when:
      all:
        - {field: history_count, operator: "==", value: 0}
        - {field: category, operator: "==", value: new}
"""


@pytest.fixture
def with_own_rules(releases: dict[str, Release], tmp_path: Path) -> Release:
    """Version 1 with a rule file beside it, as another release."""
    return with_rules(releases["1"], tmp_path / "own", OWN)


def with_rules(release: Release, folder: Path, text: str) -> Release:
    shutil.copytree(release.path, folder)
    (folder / FILE).write_text(text, encoding="utf-8")
    return replace(release, digest=seal(folder).digest, path=str(folder))


def decided(desk: Desk, **changes: Any) -> dict[str, Any]:
    answer = desk.decide(**changes)
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(answer: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in answer["reasons"]]


def test_an_answer_names_the_rules_that_were_looked_at(desk: Desk) -> None:
    assert decided(desk)["policy"] == {"rules": rules_in_force().digest, "applied": []}


def test_a_card_number_with_a_wrong_checksum_is_declined_whatever_the_model_says(
    desk: Desk,
) -> None:
    answer = decided(desk, card_number=BAD_CARD)
    assert (answer["decision"], codes(answer)) == ("DECLINE", ["CARD_NUMBER_INVALID"])
    assert answer["policy"]["applied"] == ["card-number"]
    assert (answer["risk_level"], answer["probability"] < 0.3) == ("LOW", True)


def test_a_card_number_that_can_be_changes_nothing(desk: Desk) -> None:
    answer = decided(desk, card_number=GOOD_CARD)
    assert (answer["decision"], answer["policy"]["applied"]) == ("APPROVE", [])


@pytest.mark.parametrize("number", ["", "x" * 64, "4111", "no number"])
def test_what_is_no_card_number_is_decided_too(desk: Desk, number: str) -> None:
    assert decided(desk, card_number=number)["decision"] == "DECLINE"


def test_a_card_number_is_written_nowhere(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    refused = [{"card_number": 4111111111111111}, {"card_number": "4" * 65}]
    refused += [{"card_number": GOOD_CARD, "amount": "much"}, {"card_nummer": GOOD_CARD}]
    with caplog.at_level(logging.DEBUG):
        kept = decided(desk, card_number=GOOD_CARD.replace(" ", ""))
        problems = [desk.decide(transaction_id="t2", **wrong) for wrong in refused]
    assert "4111" not in json.dumps(kept) + caplog.text
    for problem in problems:
        assert problem.status_code == 422
        assert "4111" not in problem.text and "44444" not in problem.text
    (decision,) = desk.runtime.ledger.decisions()
    assert json.loads(decision.request)["card_number_valid"] is True
    for path in desk.runtime.settings.home.rglob("*"):
        if path.is_file() and desk.runtime.settings.feast not in path.parents:
            assert b"4111111111111111" not in path.read_bytes(), path


def test_a_payment_without_a_card_number_is_kept_as_before(desk: Desk) -> None:
    decided(desk)
    (decision,) = desk.runtime.ledger.decisions()
    assert not [name for name in json.loads(decision.request) if name.startswith("card")]


def test_a_release_brings_its_own_rules(desk: Desk, with_own_rules: Release) -> None:
    desk.serve(Deployment(with_own_rules))
    expected = RuleSet.parse(OWN)
    online = decided(desk, channel="online")
    assert (online["decision"], codes(online)) == ("STEP_UP", ["PAID_ONLINE"])
    assert online["policy"] == {"rules": expected.digest, "applied": ["online"]}
    new = decided(desk, transaction_id="t2", channel="online", category="new", user_id="lee")
    assert (new["decision"], codes(new)) == ("REVIEW", ["NEW_HERE", "PAID_ONLINE"])
    friend = decided(desk, transaction_id="t3", merchant_id="friend")
    assert (friend["decision"], friend["reasons"]) == ("APPROVE", [])
    assert friend["policy"]["applied"] == ["shop-next-door"]
    dear = decided(desk, transaction_id="t4", merchant_id="friend", amount=DEAR)
    assert (dear["decision"], codes(dear)[0]) == ("DECLINE", "AMOUNT_LEVEL")


def test_a_rule_and_the_model_both_say_why(
    desk: Desk, releases: dict[str, Release], tmp_path: Path
) -> None:
    text = SHIPPED.read_text().replace("blocked_devices: []", f"blocked_devices: [{phone(desk)}]")
    desk.serve(Deployment(with_rules(releases["1"], tmp_path / "own", text)))
    answer = decided(desk, device_id="stolen", amount=DEAR)
    assert answer["decision"] == "DECLINE"
    assert codes(answer)[:2] == ["DEVICE_BLOCKED", "AMOUNT_LEVEL"]


def phone(desk: Desk) -> str:
    return pseudonymise("stolen", desk.runtime.pseudonym_key)


def test_without_a_model_the_rules_decide_alone(desk: Desk) -> None:
    desk.serve(Deployment())
    declined = decided(desk, card_number=BAD_CARD)
    assert (declined["decision"], codes(declined)) == ("DECLINE", ["CARD_NUMBER_INVALID"])
    assert (declined["model"], declined["degraded"][-1]) == (None, "model_missing")
    alone = decided(desk, transaction_id="t2")
    assert (alone["decision"], codes(alone)) == ("REVIEW", ["NO_MODEL"])


def test_the_text_of_the_rules_is_in_the_ledger_once(desk: Desk, with_own_rules: Release) -> None:
    for number in range(3):
        decided(desk, transaction_id=f"a{number}")
    desk.serve(Deployment(with_own_rules))
    for number in range(3):
        decided(desk, transaction_id=f"b{number}")
    kept = desk.runtime.ledger.events("rules", "fraud")
    assert [one.key for one in kept] == [rules_in_force().digest, RuleSet.parse(OWN).digest]
    assert [RuleSet.of(one.body).digest for one in kept] == [one.key for one in kept]


def test_a_replay_asks_the_rules_of_that_time(
    desk: Desk, releases: dict[str, Release], with_own_rules: Release
) -> None:
    decided(desk, card_number=BAD_CARD)
    desk.serve(Deployment(with_own_rules))
    decided(desk, transaction_id="t2", channel="online")
    desk.serve(Deployment(releases["2"]))
    again = list(replay(desk.runtime.ledger.decisions(), library(desk, with_own_rules, releases)))
    assert [one.error for one in again] == [None, None]
    assert all(one.same for one in again)


def library(desk: Desk, own: Release, releases: dict[str, Release]) -> Library:
    """A library that finds these releases on this host."""
    models = desk.runtime.settings.serving / "models"
    for release in (own, *releases.values()):
        shutil.copytree(release.path, models / release.digest)
    return Library(desk.runtime.settings)


def test_a_rule_set_that_the_ledger_does_not_have_is_said(
    desk: Desk, ledger: Ledger, releases: dict[str, Release], with_own_rules: Release
) -> None:
    decided(desk)
    (decision,) = desk.runtime.ledger.decisions()
    lost = replace(decision, features=decision.features.replace(rules_in_force().digest, "0" * 64))
    (again,) = replay([lost], library(desk, with_own_rules, releases))
    assert again.error is not None
    assert "no rule set of fraud with the digest 000" in again.error


def test_a_decision_from_before_there_were_rules_is_answered_by_none(
    settings: Any, decided: Callable[..., Decision]
) -> None:
    before = decided(1, domain="fraud")
    answer = json.loads(service_of("fraud").answer_again(before, None, Library(settings)))
    assert (answer["decision"], answer["policy"]["applied"]) == ("REVIEW", [])


def test_a_version_in_shadow_is_judged_by_its_own_rules(
    desk: Desk, releases: dict[str, Release], with_own_rules: Release
) -> None:
    shadow = replace(with_own_rules, version="2")
    desk.serve(Deployment(releases["1"], challenger=shadow, stage="shadow"))
    decided(desk, channel="online")
    assert desk.runtime.shadowing is not None
    assert desk.client.portal is not None
    desk.client.portal.call(desk.runtime.shadowing.idle)
    (scored,) = desk.runtime.ledger.shadows()
    assert scored.decision == "STEP_UP"
