"""A decision policy in production: it hears the models, and its thresholds and rules decide."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from components.common.artifact import GRAPH, write_inputs
from components.common.records import Member
from components.common.sealing import seal
from components.fraud import LSTM, POLICY, XGBOOST
from components.fraud.blend import Blend
from components.fraud.blend_graph import blend_graph
from components.fraud.decision import Policy
from components.fraud.rules import FILE, rules_in_force
from components.fraud.rules.ruleset import RuleSet
from finloop import app
from serving.common.library import Library
from serving.common.manifest import Deployment, Release
from serving.common.models import Fleet, Loaded
from serving.common.replay import replay
from tests.serving.desk import Desk, follow
from tests.serving.fraud.test_members import last, members, network
from tests.serving.fraud.test_service import DEAR, Broken

__all__ = ["network"]
RULES = """
rules:
  - {id: pricey, action: step_up, reason: PRICEY, text_en: Pricey., text_ko: 비쌉니다.,
     when: {field: amount, operator: ">", value: 50000}}
"""


BOTH = Blend(dict.fromkeys(POLICY.members, 0.5))
ALARMED = Blend({XGBOOST.name: 0.0, LSTM.name: 1.0}, 30.0)
"""It hears the network alone, and takes every payment for fraud."""


def write_policy(folder: Path, blend: Blend, policy: Policy, rules: str) -> Release:
    """A policy as a release."""
    folder.mkdir()
    (folder / GRAPH).write_bytes(blend_graph(blend).SerializeToString())
    write_inputs(folder, POLICY.members)
    policy.write(folder)
    (folder / FILE).write_text(rules, encoding="utf-8")
    return Release(folder.name, seal(folder).digest, str(folder), folder.name)


@pytest.fixture
def policies(tmp_path: Path) -> dict[str, Release]:
    """One that hears both models, one that is alarmed, and the first one with low thresholds."""
    return {
        "3": write_policy(tmp_path / "3", BOTH, Policy(0.4, 0.6), RULES),
        "4": write_policy(tmp_path / "4", ALARMED, Policy(), "rules: []"),
        "5": write_policy(tmp_path / "5", BOTH, Policy(1e-9, 1e-8), "rules: []"),
    }


@pytest.fixture
def whole(
    desk: Desk, releases: dict[str, Release], network: Release, policies: dict[str, Release]
) -> Desk:
    """The app with both models and a policy in production."""
    models = {XGBOOST.name: Deployment(releases["1"]), LSTM.name: Deployment(network)}
    follow(desk.runtime, {**models, POLICY.name: Deployment(policies["3"])})
    return desk


def serve_policy(desk: Desk, deployment: Deployment) -> None:
    """Have the app serve this policy beside the models that it serves."""
    fleets = desk.runtime.models.current.fleets
    champions = {name: fleet.champion for name, fleet in fleets.items()}
    models = {name: Deployment(one.release) for name, one in champions.items() if one is not None}
    follow(desk.runtime, models | {POLICY.name: deployment})


def break_down(desk: Desk, name: str) -> None:
    """Let the champion of a model answer with no probability."""
    champion = desk.runtime.models.fleet(name).champion
    assert champion is not None
    broken = Fleet(replace(champion, scorer=Broken(champion.scorer)))
    fleets = desk.runtime.models.current.fleets
    desk.runtime.models.current = Loaded(9, {**fleets, name: broken})


def said(answer: dict[str, Any]) -> dict[str, float]:
    return {one["name"]: one["probability"] for one in answer["members"]}


def blended(blend: Blend, told: dict[str, float]) -> Any:
    """What a blend makes of an answer's members."""
    values = blend.apply({name: np.array([told[name]]) for name in POLICY.members})
    return pytest.approx(values[0], rel=1e-4, abs=1e-8)


def test_the_policy_decides_from_what_both_say(whole: Desk) -> None:
    answer = whole.decide(amount=DEAR).json()
    assert answer["model"]["name"] == POLICY.name
    told = said(answer)
    assert list(told) == [POLICY.name, XGBOOST.name, LSTM.name]
    assert answer["probability"] == told[POLICY.name] == blended(BOTH, told)
    assert told[LSTM.name] < answer["probability"] < told[XGBOOST.name]


def test_its_thresholds_and_its_rules_decide(whole: Desk, policies: dict[str, Release]) -> None:
    answer = whole.decide(amount=DEAR).json()
    assert answer["policy"] == {"rules": RuleSet.parse(RULES).digest, "applied": ["pricey"]}
    assert answer["policy"]["rules"] != rules_in_force().digest
    serve_policy(whole, Deployment(policies["5"]))
    strict = whole.decide(transaction_id="t2", user_id="lee").json()
    assert (strict["decision"], strict["risk_level"]) == ("DECLINE", "HIGH")
    assert strict["probability"] == blended(BOTH, said(strict))
    assert strict["probability"] < 0.3


def test_reasons_are_those_of_the_trees(whole: Desk, policies: dict[str, Release]) -> None:
    serve_policy(whole, Deployment(policies["4"]))
    answer = whole.decide(amount=DEAR).json()
    assert "AMOUNT_LEVEL" in [reason["code"] for reason in answer["reasons"]]


def test_everyone_is_recorded_with_what_they_would_have_decided(whole: Desk) -> None:
    whole.decide(amount=DEAR)
    kept = {one.model: one for one in members(whole)}
    assert list(kept) == [POLICY.name, XGBOOST.name, LSTM.name]
    assert kept[XGBOOST.name].decision == "DECLINE"
    decision = last(whole)
    assert (decision.model, decision.version) == (POLICY.name, "3")
    assert decision.score == kept[POLICY.name].score


def test_without_a_member_the_other_one_is_heard(whole: Desk) -> None:
    break_down(whole, XGBOOST.name)
    answer = whole.decide(amount=DEAR).json()
    told = said(answer)
    assert list(told) == [POLICY.name, LSTM.name]
    assert answer["probability"] == pytest.approx(told[LSTM.name], rel=1e-5)
    assert "champion_failed" in answer["degraded"]
    assert answer["decision"] == "STEP_UP", "the rules of the policy are in force"


def test_without_any_member_its_rules_still_decide(whole: Desk) -> None:
    for name in POLICY.members:
        break_down(whole, name)
    answer = whole.decide(amount=DEAR).json()
    assert (answer["model"], answer["probability"]) == (None, None)
    assert answer["policy"] == {"rules": RuleSet.parse(RULES).digest, "applied": ["pricey"]}


def test_a_policy_that_fails_leaves_the_decision_to_the_trees(whole: Desk) -> None:
    break_down(whole, POLICY.name)
    answer = whole.decide(amount=DEAR).json()
    assert answer["model"]["name"] == XGBOOST.name
    assert f"{POLICY.name}_champion_failed" in answer["degraded"]
    assert answer["probability"] == said(answer)[XGBOOST.name]
    assert last(whole).error == "invalid_score: nan"


def test_a_replay_gives_the_same_bytes_and_another_policy_another_decision(
    whole: Desk, policies: dict[str, Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole.decide(amount=DEAR)
    whole.decide(transaction_id="t2")
    break_down(whole, LSTM.name)
    whole.decide(transaction_id="t3", amount=DEAR)
    break_down(whole, POLICY.name)
    whole.decide(transaction_id="t4")
    library = library_of(whole, policies)
    decisions = list(whole.runtime.ledger.decisions())
    assert [one.same for one in replay(decisions, library)] == [True] * 4
    monkeypatch.setattr(
        library, "by_version", lambda name, version: library.by_digest(name, version, other.digest)
    )
    other = policies["4"]
    told = [json.loads(one.again or "") for one in replay(decisions[:2], library, "4")]
    assert [one["decision"] for one in told] == ["DECLINE", "DECLINE"]
    assert {one["policy"]["rules"] for one in told} == {RuleSet.parse("rules: []").digest}
    assert [one["model"]["version"] for one in told] == ["4", "4"]


def library_of(desk: Desk, policies: dict[str, Release]) -> Library:
    """A library that holds every release as sync keeps them."""
    files = desk.runtime.settings.serving / "models"
    files.mkdir(parents=True)
    fleets = desk.runtime.models.current.fleets.values()
    served = [fleet.champion.release for fleet in fleets if fleet.champion is not None]
    for release in {one.digest: one for one in (*served, *policies.values())}.values():
        (files / release.digest).symlink_to(Path(release.path))
    return Library(desk.runtime.settings)


def test_a_policy_in_shadow_hears_what_the_members_said(
    whole: Desk, policies: dict[str, Release], eventually: Callable[..., None]
) -> None:
    serve_policy(whole, Deployment(policies["3"], policies["4"], "shadow", 0.0, "salt"))
    answer = whole.decide(amount=DEAR).json()
    eventually(lambda: list(whole.runtime.ledger.shadows()), "a shadow score")
    (scored,) = whole.runtime.ledger.shadows()
    assert (scored.model, scored.version, scored.decision) == (POLICY.name, "4", "DECLINE")
    assert scored.score == blended(ALARMED, said(answer))


def test_a_policy_alone_has_nobody_to_listen_to(desk: Desk, policies: dict[str, Release]) -> None:
    follow(desk.runtime, {POLICY.name: Deployment(policies["3"])})
    answer = desk.decide().json()
    assert answer["model"] is None
    assert "model_missing" in answer["degraded"]
    assert answer["policy"]["rules"] == RuleSet.parse(RULES).digest
    assert list(desk.runtime.ledger.select(Member)) == []


def test_the_command_shows_the_rules_that_decide(
    whole: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINLOOP_HOME", str(whole.runtime.settings.home))

    def shown() -> str:
        return json.loads(CliRunner().invoke(app, ["rules", "show", "--json"]).stdout)["digest"]

    assert shown() == rules_in_force().digest
    whole.decide()
    assert shown() == RuleSet.parse(RULES).digest
