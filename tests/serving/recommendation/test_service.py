"""`GET /v1/recommendations/{user_id}` with a trained artifact and filled views."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from components.common.identity import pseudonymise
from components.common.records import Feedback
from components.common.sealing import seal
from components.recommendation import NCF
from components.recommendation.catalogue import Catalogue
from components.recommendation.served import feedback_to_row
from feature_repo.recommendation_lists import lists_of
from feature_repo.store import open_store
from monitoring.click_through import click_through
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.library import Library
from serving.common.manifest import Deployment, Manifest, Release, write_manifest
from serving.common.replay import replay
from serving.common.runtime import Runtime
from serving.privacy import erase_person
from tests.recommendation_company import Company
from tests.serving.conftest import KEY, await_true
from tests.serving.recommendation.desk import USERS, Counter, report


@pytest.fixture(scope="module")
def counter(shops: Company) -> Iterator[Counter]:
    settings = shops.settings.model_copy(
        update={"api_keys": {"tests": hashlib.sha256(KEY.encode()).hexdigest()}}
    )
    shops.publish(settings)
    release = Release("1", seal(shops.artifact).digest, str(shops.artifact), "1")
    write_manifest(settings.serving, Manifest(1, {NCF.name: Deployment(release)}))
    runtime = Runtime(settings, services())
    with TestClient(make_app(runtime), headers={"X-API-Key": KEY}) as client:
        await_true(lambda: runtime.ready and runtime.online.open, "becoming ready")
        yield Counter(client, runtime, shops, release)


@pytest.fixture(autouse=True)
def champion(counter: Counter) -> None:
    """Every test begins with version 1 alone."""
    counter.serve(Deployment(counter.release))


def test_a_list_has_new_merchants_with_reasons(counter: Counter) -> None:
    answer = counter.list(n=5)
    assert (answer["decision"], answer["degraded"]) == ("PERSONAL", stale(answer))
    assert len(answer["items"]) == 5
    assert answer["model"]["version"] == "1"
    paid = set(counter.paid(USERS[0])["merchant_id"])
    for item in answer["items"]:
        assert item["merchant_id"] not in paid
        assert item["reasons"][0]["text_en"] and item["reasons"][0]["text_ko"]
        assert 0 < item["probability"] < 1


def stale(answer: dict[str, Any]) -> list[str]:
    """The company of the tests lived some time ago: daily rows are too old by now."""
    return [name for name in answer["degraded"] if name == "recommendation_user_daily_stale"]


def test_a_reason_names_a_merchant_that_was_paid(counter: Counter) -> None:
    items = [item for user in USERS[:20] for item in counter.list(user)["items"]]
    catalogue = Catalogue.read(counter.company.artifact)
    names = dict(zip(catalogue.names, catalogue.ids, strict=True))
    reasons = [item["reasons"][0] for item in items]
    also = [one["text_en"] for one in reasons if one["code"] == "ALSO_PAID"]
    assert also
    said = {
        text.removeprefix("People who pay at ").removesuffix(" also pay here.") for text in also
    }
    assert said <= set(names)


def test_used_ones_come_where_they_are_asked_for(counter: Counter) -> None:
    paid = set(counter.paid(USERS[0])["merchant_id"])
    with_used = {one["merchant_id"] for one in counter.list(include_used=True, n=20)["items"]}
    without = {one["merchant_id"] for one in counter.list(n=20)["items"]}
    assert with_used & paid
    assert not without & paid


def test_filters_are_kept(counter: Counter) -> None:
    catalogue = Catalogue.read(counter.company.artifact)
    category = catalogue.known_categories[0]
    listed = counter.list(category=category, include_used=True)
    assert {item["category"] for item in listed["items"]} == {category}
    row = next(row for row in range(60) if catalogue.merchant(row).latitude is not None)
    shop = catalogue.merchant(row)
    near = counter.list(
        latitude=shop.latitude, longitude=shop.longitude, radius_km=2, include_used=True
    )
    assert shop.merchant_id in {item["merchant_id"] for item in near["items"]}
    assert all(item["distance_km"] <= 2 for item in near["items"])
    nowhere = counter.list(latitude=-80, longitude=0)
    assert (nowhere["decision"], nowhere["items"]) == ("EMPTY", [])


def test_somebody_new_gets_what_is_popular(counter: Counter) -> None:
    answer = counter.list("somebody nobody knows", n=3)
    assert answer["decision"] == "POPULAR"
    assert [item["reasons"][0]["code"] for item in answer["items"]] == ["POPULAR"] * 3
    users = counter.company.payments.groupby("merchant_id")["user_id"].nunique()
    assert users[answer["items"][0]["merchant_id"]] == users.max()


def test_the_ledger_has_it_without_the_raw_id_and_replays_it(counter: Counter) -> None:
    answers = [counter.list(user, n=4) for user in (*USERS[:3], "new")]
    decisions = [counter.decision(answer) for answer in answers]
    for user, decision in zip((*USERS[:3], "new"), decisions, strict=True):
        assert decision.entity_id == pseudonymise(user, counter.runtime.pseudonym_key)
        assert f'"{user}"' not in decision.request + decision.features + decision.answer
        assert (decision.domain, decision.model, decision.arm) == (
            "recommendation",
            NCF.name,
            "champion",
        )
    kept = counter.runtime.settings.serving / "models" / counter.release.digest
    kept.parent.mkdir(exist_ok=True)
    if not kept.exists():
        kept.symlink_to(counter.company.artifact)
    again = list(replay(decisions, Library(counter.runtime.settings)))
    assert [one.error for one in again] == [None] * 4
    assert all(one.same for one in again)
    shown = counter.client.get(f"/v1/decisions/{answers[0]['decision_id']}").json()
    assert shown["answer"] == answers[0]


def test_the_same_question_has_the_same_items(counter: Counter) -> None:
    first, second = (counter.list(USERS[4]) for _ in range(2))
    assert [one["merchant_id"] for one in first["items"]] == [
        one["merchant_id"] for one in second["items"]
    ]
    assert first["decision_id"] != second["decision_id"]


def test_without_a_model_what_is_popular_is_shown(counter: Counter) -> None:
    counter.serve(Deployment())
    answer = counter.list("new", n=3)
    assert (answer["decision"], answer["model"]) == ("POPULAR", None)
    assert "model_missing" in answer["degraded"]
    assert len(answer["items"]) == 3
    assert counter.list(category="cafe")["decision"] == "EMPTY"
    decision = counter.decision(answer)
    (again,) = replay([decision], Library(counter.runtime.settings))
    assert again.same


def test_without_a_model_the_list_of_the_last_batch_is_shown(counter: Counter) -> None:
    settings = counter.runtime.settings
    table = settings.feature_tables / "recommendation_user_history.parquet"
    with_model, now = counter.list(USERS[5]), datetime.now(UTC)
    (rows,) = lists_of(counter.company.artifact, table, now)
    assert len(rows) == len(pd.read_parquet(table))
    written = rows.assign(version=pd.Series([["1"]] * len(rows)))
    open_store(settings).write_to_online_store("recommendation_lists", df=written)
    counter.serve(Deployment())
    answer = counter.list(USERS[5])
    assert (answer["decision"], answer["model"]) == ("STORED", None)
    paid = set(counter.paid(USERS[5])["merchant_id"])
    assert not {item["merchant_id"] for item in answer["items"]} & paid
    best = max(with_model["items"], key=lambda item: item["probability"])
    assert answer["items"][0]["merchant_id"] == best["merchant_id"]
    assert answer["items"][0]["probability"] == pytest.approx(best["probability"], rel=1e-3)
    (again,) = replay([counter.decision(answer)], Library(settings))
    assert again.same


def test_a_challenger_in_shadow_makes_lists_beside(counter: Counter) -> None:
    other = Release("2", counter.release.digest, counter.release.path, "2")
    counter.serve(Deployment(counter.release, other, stage="shadow", share=0.0))
    answer = counter.list(USERS[7])
    ledger, name = counter.runtime.ledger, answer["decision_id"]
    await_true(lambda: list(ledger.shadows("decision_id = ?", name)), "the shadow list")
    (shadow,) = ledger.shadows("decision_id = ?", name)
    decision = counter.decision(answer)
    assert (shadow.version, shadow.decision, shadow.score) == ("2", "PERSONAL", decision.score)


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ({"n": 0}, "out_of_range", "n must be greater than or equal to 1."),
        ({"n": 1000}, "out_of_range", "n must be less than or equal to 100."),
        ({"n": "ten"}, "wrong_type", "n must be a whole number."),
        ({"category": "moon"}, "unknown_category", "There is no category 'moon'; use one of: "),
        ({"latitude": 91, "longitude": 0}, "out_of_range", "latitude must be less than"),
        ({"latitude": "nan", "longitude": 0}, "not_a_number", "latitude must be"),
        ({"latitude": 37.5}, "half_a_place", "latitude and longitude go together"),
        ({"radius_km": 0}, "out_of_range", "radius_km must be greater than 0"),
        ({"include_used": "maybe"}, "wrong_type", "include_used must be true or false."),
        ({"colour": "red"}, "unknown_field", "colour: this field is not known here"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    counter: Counter, query: dict[str, Any], code: str, said: str
) -> None:
    answer = counter.ask(**query)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == code
    assert problem["detail"].startswith(said)


def test_a_key_is_needed_and_an_endless_id_is_refused(counter: Counter) -> None:
    bare = counter.client.get(f"/v1/recommendations/{USERS[0]}", headers={"X-API-Key": "wrong"})
    assert (bare.status_code, bare.json()["code"]) == (401, "api_key_wrong")
    assert counter.ask("u" * 129).json()["code"] == "wrong_length"


def test_impressions_and_clicks_come_back_once(counter: Counter) -> None:
    answer = counter.list(USERS[2])
    seen = [report("impression", answer, place) for place in range(3)]
    body = {"outcomes": [*seen, report("click", answer, 1)]}
    first = counter.client.post("/v1/outcomes", json=body)
    assert first.json() == {"accepted": 4, "known": 0}
    assert counter.client.post("/v1/outcomes", json=body).json() == {"accepted": 0, "known": 4}
    found = list(counter.runtime.ledger.select(Feedback, "decision_id = ?", answer["decision_id"]))
    who = pseudonymise(USERS[2], counter.runtime.pseudonym_key)
    assert {(one.entity_id, one.domain) for one in found} == {(who, "recommendation")}
    (click,) = [one for one in found if one.kind == "click"]
    assert click.item_id == answer["items"][1]["merchant_id"]
    told = click_through(counter.runtime.ledger, "recommendation", NCF.name, datetime.now(UTC))
    (mine,) = [one for one in told if one.version == "1"]
    assert (mine.arm, mine.shown, mine.clicks) == ("champion", 3, 1)
    assert mine.lists > 1
    table, row = feedback_to_row(click)
    assert (table, row["user_id"], row["kind"]) == ("feedback", who, "click")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"decision_id": "none"}, 404, "unknown_decision"),
        ({"merchant_id": "elsewhere"}, 422, "not_shown"),
        ({"kind": "stare"}, 422, "unknown_kind"),
        ({"outcome_timestamp": "2999-01-01T00:00:00Z"}, 422, "timestamp_in_future"),
        ({"merchant_id": ""}, 422, "wrong_length"),
        ({"colour": "red"}, 422, "unknown_field"),
    ],
)
def test_feedback_on_nothing_that_was_shown_is_refused(
    counter: Counter, changes: dict[str, Any], status: int, code: str
) -> None:
    body = report("click", counter.list(USERS[3])) | changes
    answer = counter.client.post("/v1/outcomes", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_erased_person_leaves_no_list_and_no_feedback(counter: Counter) -> None:
    user, settings = USERS[140], counter.runtime.settings
    answer = counter.list(user)
    assert counter.client.post("/v1/outcomes", json=report("click", answer)).status_code == 200
    erased = erase_person(settings, user, "tests", datetime.now(UTC))
    assert erased.ledger == {"decisions": 1, "feedback": 1}
    assert erased.online == 1
    assert counter.runtime.ledger.decision(answer["decision_id"]) is None
    assert counter.list(user)["decision"] == "POPULAR", "nobody knows them any more"
    assert seal(counter.company.artifact).digest == counter.release.digest


def test_a_moment_of_the_past_is_answered_as_of_then(counter: Counter) -> None:
    known = counter.company.payments["event_timestamp"].max()
    assert counter.list()["degraded"], "the company's payments are old by now"
    assert counter.list(at=known.isoformat())["degraded"] == []


@pytest.mark.parametrize(
    ("at", "code"),
    [("2999-01-01T00:00:00Z", "timestamp_in_future"), ("yesterday", "wrong_type")],
)
def test_a_moment_that_cannot_be_is_refused(counter: Counter, at: str, code: str) -> None:
    answer = counter.ask(at=at)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
