"""A decision on a payment, from the request to the ledger and back again."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from components.common.artifact import Matrix, Scorer, Scores
from components.common.identity import pseudonymise
from components.common.records import Decision
from components.common.sealing import seal
from components.fraud import XGBOOST
from components.fraud.features import FRAUD_MERCHANT_DAILY, FRAUD_USER_DAILY, MODEL_INPUT
from feature_repo.views import MIDNIGHT_TTL
from serving.common.library import Library
from serving.common.manifest import Deployment, Release
from serving.common.models import Fleet, Loaded
from serving.common.replay import replay
from serving.fraud.features import transaction_of
from tests.serving.desk import Desk, payment

SEOUL = ZoneInfo("Asia/Seoul")
DEAR = 90_000.0
"""An amount that every model of the tests declines."""


class Broken(Scorer):
    """A model whose every score is no number."""

    def __init__(self, like: Scorer) -> None:
        self.inputs = like.inputs

    def score(self, matrix: Matrix) -> Scores:
        return np.array([math.nan])


def only(desk: Desk) -> Decision:
    (decision,) = desk.runtime.ledger.decisions()
    return decision


def pseudonym(desk: Desk, name: str) -> str:
    return pseudonymise(name, desk.runtime.pseudonym_key)


def test_an_answer_says_what_who_and_from_what(desk: Desk, releases: dict[str, Release]) -> None:
    answer = desk.decide().json()
    assert answer["decision"] == "APPROVE"
    assert answer["risk_level"] == "LOW"
    assert 0 <= answer["probability"] < 0.3
    assert answer["reasons"] == []
    assert answer["model"] == {
        "name": XGBOOST.name,
        "version": "1",
        "digest": releases["1"].digest,
        "arm": "champion",
    }
    assert set(answer["feature_age_seconds"]) == {
        "fraud_user_daily",
        "fraud_merchant_daily",
        "fraud_user_history",
    }


def test_a_stopped_payment_comes_with_reasons_in_two_languages(desk: Desk) -> None:
    answer = desk.decide(amount=DEAR).json()
    assert answer["decision"] == "DECLINE"
    assert answer["reasons"][0]["code"] == "AMOUNT_LEVEL"
    assert set(answer["reasons"][0]) == {"code", "text_en", "text_ko"}


def test_the_ledger_has_exactly_what_was_sent(desk: Desk) -> None:
    response = desk.decide(device_id="phone")
    decision = only(desk)
    assert decision.answer.encode() == response.content
    assert decision.decision_id == response.json()["decision_id"]
    assert (decision.version, decision.arm, decision.error) == ("1", "champion", None)
    assert decision.score == response.json()["probability"]
    assert set(json.loads(decision.features)["inputs"]) == set(MODEL_INPUT)
    assert json.loads(decision.request)["device_id"] == pseudonym(desk, "phone")


def test_no_raw_id_is_written_anywhere(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        desk.decide(user_id="kim-minsu-raw", device_id="raw-phone")
        desk.decide(user_id="kim-minsu-raw", amount="much")
    home = desk.runtime.settings.home
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "ledger.db-wal" for path in files)
    for path in files:
        assert b"kim-minsu-raw" not in path.read_bytes(), path
        assert b"raw-phone" not in path.read_bytes(), path
    assert "kim-minsu-raw" not in caplog.text


def test_the_same_payment_has_the_same_answer(desk: Desk) -> None:
    sent = payment()
    first = desk.client.post("/v1/fraud/decisions", json=sent)
    again = desk.client.post("/v1/fraud/decisions", json=sent)
    same_moment = datetime.fromisoformat(sent["event_timestamp"]).astimezone(SEOUL)
    elsewhere = desk.client.post(
        "/v1/fraud/decisions", json={**sent, "event_timestamp": same_moment.isoformat()}
    )
    assert first.content == again.content == elsewhere.content
    only(desk)


def test_the_same_id_with_other_content_is_refused(desk: Desk) -> None:
    sent = payment()
    desk.client.post("/v1/fraud/decisions", json=sent)
    other = desk.client.post("/v1/fraud/decisions", json={**sent, "amount": 101})
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")
    only(desk)


def test_one_payment_sent_many_times_at_once_is_decided_once(desk: Desk) -> None:
    sent = payment()
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: desk.client.post("/v1/fraud/decisions", json=sent), range(40))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    only(desk)


def test_the_next_payment_of_a_user_sees_the_one_before(desk: Desk) -> None:
    start = datetime.now(UTC) - timedelta(minutes=10)
    for number in range(3):
        when = start + timedelta(minutes=number)
        desk.decide(transaction_id=f"t{number}", event_timestamp=when.isoformat())
    desk.decide(transaction_id="other", user_id="lee")
    inputs = [
        json.loads(decision.features)["inputs"] for decision in desk.runtime.ledger.decisions()
    ]
    assert [one["history_count"] for one in inputs] == [0.0, 1.0, 2.0, 0.0]
    assert [one["seconds_since_last"] for one in inputs] == [None, 60.0, 60.0, None]


def test_a_payment_never_sees_a_later_one(desk: Desk) -> None:
    now = datetime.now(UTC)
    desk.decide(transaction_id="b", event_timestamp=now.isoformat())
    desk.decide(transaction_id="c", event_timestamp=(now - timedelta(hours=1)).isoformat())
    desk.decide(transaction_id="a", event_timestamp=now.isoformat())
    found = desk.runtime.ledger.decisions()
    counts = {one.subject_id: json.loads(one.features)["inputs"]["history_count"] for one in found}
    assert counts == {"b": 0.0, "c": 0.0, "a": 1.0}, "at the same moment the id decides"


def test_stored_features_reach_the_model_with_their_age(desk: Desk) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    users = dict.fromkeys(FRAUD_USER_DAILY.names, 7.0)
    shops = dict.fromkeys(FRAUD_MERCHANT_DAILY.names, 9.0)
    user = {"user_id": pseudonym(desk, "kim"), "event_timestamp": midnight, **users}
    desk.runtime.online.write("fraud_user_daily", [user])
    shop = {"merchant_id": "shop", "event_timestamp": midnight - MIDNIGHT_TTL, **shops}
    desk.runtime.online.write("fraud_merchant_daily", [shop])
    when = midnight + timedelta(seconds=90)
    answer = desk.decide(event_timestamp=when.isoformat()).json()
    inputs = json.loads(only(desk).features)["inputs"]
    assert {inputs[name] for name in FRAUD_USER_DAILY.names} == {7.0}
    assert {inputs[name] for name in FRAUD_MERCHANT_DAILY.names} == {None}, "older than its ttl"
    assert answer["feature_age_seconds"]["fraud_user_daily"] == 90.0
    assert answer["degraded"] == ["fraud_merchant_daily_stale", "fraud_user_history_missing"]


def test_unknown_users_and_merchants_are_no_error(desk: Desk) -> None:
    answer = desk.decide()
    assert answer.status_code == 200
    assert answer.json()["degraded"] == [
        "fraud_user_daily_missing",
        "fraud_merchant_daily_missing",
        "fraud_user_history_missing",
    ]


def test_without_a_model_a_person_looks_at_it(desk: Desk) -> None:
    desk.serve(Deployment())
    answer = desk.decide(amount=DEAR).json()
    assert (answer["decision"], answer["probability"], answer["model"]) == ("REVIEW", None, None)
    assert "model_missing" in answer["degraded"]
    assert answer["reasons"][0]["code"] == "NO_MODEL"
    decision = only(desk)
    assert (decision.arm, decision.version, decision.score) == ("none", None, None)


def break_arm(desk: Desk, arm: str) -> None:
    """Let one arm's scores be no numbers from now on."""
    fleet = desk.runtime.models.fleet(XGBOOST.name)
    model = getattr(fleet, arm)
    broken: Fleet = replace(fleet, **{arm: replace(model, scorer=Broken(model.scorer))})
    desk.runtime.models.current = Loaded(9, {XGBOOST.name: broken})


def test_the_champion_answers_for_a_challenger_that_fails(
    desk: Desk, releases: dict[str, Release]
) -> None:
    desk.serve(Deployment(releases["1"], releases["2"], "canary-50", 1.0, "salt"))
    break_arm(desk, "challenger")
    answer = desk.decide().json()
    assert (answer["decision"], answer["model"]["version"]) == ("APPROVE", "1")
    assert "challenger_failed" in answer["degraded"]
    decision = only(desk)
    assert (decision.arm, decision.version) == ("challenger", "2")
    assert decision.error == "invalid_score: nan"
    assert decision.score == answer["probability"]


def test_where_no_arm_can_answer_a_person_looks_at_it(desk: Desk) -> None:
    break_arm(desk, "champion")
    answer = desk.decide()
    assert (answer.status_code, answer.json()["decision"]) == (200, "REVIEW")
    assert answer.json()["degraded"][-1] == "champion_failed"
    assert only(desk).error == "invalid_score: nan"


def test_a_challenger_in_shadow_is_asked_about_the_same_features(
    desk: Desk, releases: dict[str, Release], eventually: Callable[..., None]
) -> None:
    desk.serve(Deployment(releases["1"], releases["2"], "shadow", 0.0, "salt"))
    answer = desk.decide(amount=DEAR).json()
    assert answer["model"]["version"] == "1"
    eventually(lambda: list(desk.runtime.ledger.shadows()), "a shadow score")
    (shadow,) = desk.runtime.ledger.shadows()
    assert (shadow.decision_id, shadow.version) == (answer["decision_id"], "2")
    assert (shadow.decision, shadow.error) == ("DECLINE", None)


def test_reasons_that_cannot_be_given_cost_no_decision(desk: Desk) -> None:
    """The trees are only read for reasons; the graph goes on without them."""
    fleet = desk.runtime.models.fleet(XGBOOST.name)
    assert fleet.champion is not None
    policy_only = desk.runtime.settings.home / "policy-only"
    policy_only.mkdir()
    for name in ("policy.json", "inputs.json"):
        (policy_only / name).write_bytes((fleet.champion.directory / name).read_bytes())
    elsewhere = replace(fleet.champion.release, path=str(policy_only))
    moved = replace(fleet, champion=replace(fleet.champion, release=elsewhere))
    desk.runtime.models.current = Loaded(9, {XGBOOST.name: moved})
    answer = desk.decide(amount=DEAR).json()
    assert (answer["decision"], answer["reasons"]) == ("DECLINE", [])
    assert answer["degraded"][-1] == "reasons_unavailable"


def test_a_history_that_cannot_be_used_costs_no_decision(desk: Desk) -> None:
    torn = {
        "timestamps": [1, 2],
        "transaction_ids": ["a", "b"],
        "amounts": [5.0],
        "merchant_ids": ["m", "m"],
        "device_ids": ["", ""],
        "latitudes": [0.0, 0.0],
        "longitudes": [0.0, 0.0],
        "steps": [],
        "remembered": 2,
    }
    user = {"user_id": pseudonym(desk, "kim"), "event_timestamp": datetime.now(UTC), **torn}
    desk.runtime.online.write("fraud_user_history", [user])
    answer = desk.decide()
    assert answer.status_code == 200
    assert answer.json()["degraded"] == ["features_failed"]
    assert set(json.loads(only(desk).features)["inputs"].values()) == {None}


def test_a_model_with_inputs_that_no_payment_has_does_not_answer(
    desk: Desk, releases: dict[str, Release]
) -> None:
    folder = desk.runtime.settings.home / "other-inputs"
    shutil.copytree(releases["2"].path, folder)
    names = json.loads((folder / "inputs.json").read_text())
    (folder / "inputs.json").write_text(json.dumps(["moon_phase", *names[1:]]))
    other = Release("9", seal(folder).digest, str(folder), None)
    desk.serve(Deployment(releases["1"], other, "canary-50", 1.0, "salt"))
    answer = desk.decide().json()
    assert answer["model"]["version"] == "1"
    assert only(desk).error is None, "the other version was never in play"


def test_nothing_is_decided_while_the_ledger_cannot_be_written(desk: Desk) -> None:
    writing = desk.runtime.recorder.ledger
    (pages,) = writing.rows("PRAGMA page_count")
    writing.rows(f"PRAGMA max_page_count = {pages['page_count']}")
    sent = payment(transaction_id="full")
    refused = [
        desk.client.post("/v1/fraud/decisions", json={**sent, "transaction_id": f"full-{number}"})
        for number in range(5)
    ]
    codes = {(one.status_code, one.json().get("code")) for one in refused}
    assert (503, "ledger_unavailable") in codes
    answered = sum(one.status_code == 200 for one in refused)
    assert len(list(desk.runtime.ledger.decisions())) == answered
    writing.rows("PRAGMA max_page_count = 100000")
    assert desk.client.post("/v1/fraud/decisions", json=sent).status_code == 200


def test_what_is_decided_can_be_given_again_to_the_byte(
    desk: Desk, releases: dict[str, Release]
) -> None:
    desk.serve(Deployment(releases["1"], releases["2"], "canary-50", 0.5, "salt"))
    rng = np.random.default_rng(1)
    for number in range(40):
        place: dict[str, Any] = {"latitude": float(rng.normal(37)), "longitude": 127.1}
        desk.decide(
            transaction_id=f"t{number}",
            user_id=f"user-{number % 20}",
            amount=float(rng.lognormal(10)),
            **(place if number % 2 else {}),
        )
    desk.serve(Deployment())
    desk.decide(transaction_id="without a model")
    found = list(desk.runtime.ledger.decisions())
    assert {decision.version for decision in found} == {"1", "2", None}
    assert {decision.decision for decision in found} >= {"APPROVE", "DECLINE"}
    keep = desk.runtime.settings.serving / "models"
    keep.mkdir()
    for release in releases.values():
        (keep / release.digest).symlink_to(release.path)
    replayed = list(replay(found, Library(desk.runtime.settings)))
    assert [one.changes for one in replayed] == [{}] * 41
    assert all(one.same for one in replayed)


def test_what_is_remembered_at_once_is_what_the_ledger_says(desk: Desk) -> None:
    desk.decide(device_id="d", latitude=1.0, longitude=2.0)
    desk.decide(transaction_id="t2")
    for decision in desk.runtime.ledger.decisions():
        known = desk.runtime.recent["fraud"].of(decision.entity_id)
        assert transaction_of(decision) in [one.event for one in known]
