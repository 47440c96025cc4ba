"""`/v1/credit/scores`: one answer per application, recorded, degraded where something misses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from components.common.identity import pseudonymise
from components.common.records import Decision
from components.credit import SCORING
from components.credit.features import MODEL_INPUT
from components.credit.points import grade, points
from serving.common.library import Library
from serving.common.manifest import Deployment, Release
from serving.common.models import Loaded
from serving.common.replay import replay
from tests.serving.credit.desk import INCOME, CreditDesk, application


def only(desk: CreditDesk) -> Decision:
    (found,) = desk.runtime.ledger.decisions()
    return found


def test_an_application_gets_a_score_a_grade_and_a_decision(credit_desk: CreditDesk) -> None:
    credit_desk.know()
    answer = credit_desk.score().json()
    assert answer["degraded"] == []
    assert 0 < answer["probability"] < 1
    assert answer["score"] == points(answer["probability"])
    assert answer["grade"] == grade(answer["score"])
    assert answer["decision"] in ("APPROVE", "REVIEW", "DECLINE")
    assert (answer["model"]["name"], answer["model"]["version"]) == (SCORING.name, "1")
    inputs = json.loads(only(credit_desk).features)["inputs"]
    assert inputs["loan_to_income"] == 8_000_000.0 / INCOME
    assert set(inputs) == set(MODEL_INPUT), "what no model sees is not written down"


def test_what_was_answered_is_recorded_and_read_again(credit_desk: CreditDesk) -> None:
    answer = credit_desk.score()
    again = credit_desk.client.get(f"/v1/credit/scores/{answer.json()['decision_id']}")
    assert again.content == answer.content
    assert credit_desk.score(event_timestamp=answer.json()["event_timestamp"]).content == (
        answer.content
    )
    decision = only(credit_desk)
    assert (decision.domain, decision.subject_id) == ("credit", "a1")
    assert decision.entity_id == pseudonymise("kim", credit_desk.runtime.pseudonym_key)
    assert "kim" not in decision.request
    other = credit_desk.score(loan_amount=1.0)
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")


def test_an_unknown_person_is_no_error(credit_desk: CreditDesk) -> None:
    answer = credit_desk.score()
    assert answer.status_code == 200
    assert answer.json()["probability"] is not None
    assert answer.json()["degraded"] == [
        "credit_profile_missing",
        "credit_bureau_missing",
        "credit_spending_missing",
    ]


def test_without_a_model_a_person_looks_at_it(credit_desk: CreditDesk) -> None:
    credit_desk.serve(Deployment())
    answer = credit_desk.score().json()
    assert (answer["decision"], answer["score"], answer["grade"]) == ("REVIEW", None, None)
    assert answer["degraded"][-1] == "model_missing"
    assert answer["reasons"][0]["code"] == "NO_MODEL"


def test_a_loan_that_is_not_granted_is_explained(credit_desk: CreditDesk) -> None:
    credit_desk.know(debt_to_income=1.6, existing_loans=4.0)
    answer = credit_desk.score(loan_amount=2 * INCOME).json()
    assert answer["decision"] in ("REVIEW", "DECLINE")
    codes = [one["code"] for one in answer["risk_factors"]]
    assert "DEBT_TO_INCOME" in codes
    assert [one["code"] for one in answer["reasons"]] == codes
    assert all(one["log_odds"] > 0 and one["text_ko"] for one in answer["risk_factors"])


def test_what_would_help_does(credit_desk: CreditDesk) -> None:
    """Who does what the answer says gets the score that it names."""
    asked_for = {
        debt: credit_desk.score(application_id=f"asks-{debt}", loan_amount=INCOME / 2).json()
        for debt in np.linspace(0.05, 1.5, 30).tolist()
        if credit_desk.know(debt_to_income=debt) is None
    }
    helped = {debt: one for debt, one in asked_for.items() if one["what_would_help"]}
    debt, answer = next(iter(helped.items()))
    helps = answer["what_would_help"]
    assert answer["decision"] != "APPROVE"
    assert helps["score"] > answer["score"]
    changed = {name: value for name, value in helps["changes"].items() if name != "term_months"}
    asked = {"loan_amount": changed.pop("loan_amount", INCOME / 2)}
    if "term_months" in helps["changes"]:
        asked["term_months"] = int(helps["changes"]["term_months"])
    credit_desk.know(**{"debt_to_income": debt, **changed})
    after = credit_desk.score(application_id="follows", **asked).json()
    assert after["decision"] == "APPROVE"
    assert after["probability"] == pytest.approx(helps["probability"], abs=1e-6)


def test_a_granted_loan_has_risk_factors_and_no_reasons(credit_desk: CreditDesk) -> None:
    credit_desk.know(debt_to_income=0.0, existing_loans=0.0, bureau_score=900.0)
    answer = credit_desk.score(loan_amount=INCOME / 20).json()
    assert (answer["decision"], answer["reasons"]) == ("APPROVE", [])
    assert answer["what_would_help"] is None


def test_an_explanation_that_cannot_be_given_costs_no_score(
    credit_desk: CreditDesk, credit_releases: dict[str, Release]
) -> None:
    """The trees are only read to explain; the graph goes on without them."""
    fleet = credit_desk.runtime.models.fleet(SCORING.name)
    assert fleet.champion is not None
    bare = credit_desk.runtime.settings.home / "bare"
    bare.mkdir()
    for name in ("policy.json", "inputs.json"):
        (bare / name).write_bytes((fleet.champion.directory / name).read_bytes())
    elsewhere = replace(fleet.champion.release, path=str(bare))
    moved = replace(fleet, champion=replace(fleet.champion, release=elsewhere))
    credit_desk.runtime.models.current = Loaded(9, {SCORING.name: moved})
    answer = credit_desk.score().json()
    assert answer["score"] is not None
    assert (answer["risk_factors"], answer["degraded"][-1]) == ([], "reasons_unavailable")


def test_a_challenger_in_shadow_scores_beside(
    credit_desk: CreditDesk,
    credit_releases: dict[str, Release],
    eventually: Callable[..., None],
) -> None:
    releases = credit_releases["1"], credit_releases["2"]
    credit_desk.serve(Deployment(*releases, "shadow", 0.0, "salt"))
    assert credit_desk.score().json()["model"]["version"] == "1"
    eventually(lambda: list(credit_desk.runtime.ledger.shadows()), "a shadow score")
    (shadow,) = credit_desk.runtime.ledger.shadows()
    assert (shadow.model, shadow.version, shadow.error) == (SCORING.name, "2", None)
    assert shadow.decision in ("APPROVE", "REVIEW", "DECLINE")


def test_what_is_answered_can_be_given_again_to_the_byte(
    credit_desk: CreditDesk, credit_releases: dict[str, Release]
) -> None:
    releases = credit_releases["1"], credit_releases["2"]
    credit_desk.serve(Deployment(*releases, "canary-50", 0.5, "salt"))
    for number in range(12):
        user = f"user-{number}"
        if number % 2:
            credit_desk.know(user, debt_to_income=0.3 * number)
        credit_desk.score(application_id=f"a{number}", user_id=user)
    credit_desk.serve(Deployment())
    credit_desk.score(application_id="without a model")
    found = list(credit_desk.runtime.ledger.decisions())
    assert {one.version for one in found} == {"1", "2", None}
    keep = credit_desk.runtime.settings.serving / "models"
    keep.mkdir()
    for release in credit_releases.values():
        (keep / release.digest).symlink_to(release.path)
    replayed = list(replay(found, Library(credit_desk.runtime.settings)))
    assert [one.error for one in replayed] == [None] * 13
    assert all(one.same for one in replayed)


def test_an_outcome_of_a_loan_is_taken(credit_desk: CreditDesk) -> None:
    credit_desk.score()
    known = {"outcome_timestamp": datetime.now(UTC).isoformat(), "source": "servicing"}
    sent = {"kind": "credit", "application_id": "a1", "defaulted": True, **known}
    assert credit_desk.client.post("/v1/outcomes", json=sent).json() == {"accepted": 1, "known": 0}
    (outcome,) = credit_desk.runtime.ledger.outcomes()
    assert (outcome.domain, outcome.subject_id, outcome.label) == ("credit", "a1", True)


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"loan_amount": 0.0}, "out_of_range", "loan_amount must be greater than 0."),
        ({"loan_amount": -5.0}, "out_of_range", "loan_amount must be greater than 0."),
        ({"loan_amount": 1e16}, "out_of_range", "loan_amount must be less than or equal to"),
        ({"loan_amount": "much"}, "wrong_type", "loan_amount must be a number."),
        ({"term_months": 0}, "out_of_range", "term_months must be greater than or equal to 1."),
        ({"term_months": 601}, "out_of_range", "term_months must be less than or equal to 600."),
        ({"term_months": 1.5}, "wrong_type", "term_months must be a whole number."),
        ({"application_id": ""}, "wrong_length", "application_id must have at least 1 character."),
        ({"user_id": None}, "wrong_type", "user_id must be text."),
        ({"colour": "red"}, "unknown_field", "colour: this field is not known here; leave it out."),
        ({"event_timestamp": "2026-01-01T00:00:00"}, "timestamp_without_zone", "event_timestamp"),
        ({"event_timestamp": "2999-01-01T00:00:00Z"}, "timestamp_in_future", "lies in the future"),
    ],
)
def test_a_bad_application_is_one_clear_sentence(
    credit_desk: CreditDesk, changes: dict[str, Any], code: str, says: str
) -> None:
    answer = credit_desk.client.post("/v1/credit/scores", json=application(**changes))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert says in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]


def test_a_score_that_is_not_there(credit_desk: CreditDesk) -> None:
    answer = credit_desk.client.get("/v1/credit/scores/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_decision")
