"""Credit and recommendation go their own way round: shadow, a person or the judge alone, canary,
champion, rollback, drift; judged by the answers over HTTP, the ledger and the registry."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from components import find_model
from components.common.environment import environment
from components.common.settings import Settings
from components.common.stages import LADDER, Stage
from components.credit import SCORING
from components.recommendation import NCF
from components.recommendation.catalogue import MERCHANTS
from finloop import app
from monitoring import credit as credit_monitoring
from monitoring import recommendation as recommendation_monitoring
from monitoring.click_through import click_through
from monitoring.judge import Action, judge
from monitoring.rollout import opinion
from monitoring.watch import Watched, watch
from pipelines import launch
from serving.common.manifest import read_manifest
from tests.components.common.conftest import empty_store
from tests.credit_artifact import write_credit_candidate
from tests.e2e.loop import (
    PAIRS,
    PERSON,
    ROUNDS,
    Climb,
    Loop,
    Weeks,
    arm_of,
    climb,
    few,
    running,
)
from tests.e2e.people import Applicants, Customers
from tests.monitoring.runs import Runs
from tests.recommendation_company import Company, shops
from tests.serving.conftest import KEY, applied_store

__all__ = ["applied_store", "empty_store", "shops"]

pytestmark = pytest.mark.e2e

DOMAINS = ("credit", "recommendation")
BOTH = {("champion", "1"), ("challenger", "2")}
"""Arm and version of whoever may answer in a canary."""


@dataclass(frozen=True)
class Round:
    """A loop in which version 2 has become champion."""

    loop: Loop
    people: Applicants | Customers
    climbed: Climb


@pytest.fixture(scope="module", autouse=True)
def small_samples() -> Iterator[None]:
    """The rules of both domains, content with the samples of a test.

    Two models of 900 loans change more decisions than two of many, and 150 customers ask for fewer
    lists in a week than those of a company.
    """
    loans, lists = credit_monitoring.MONITORING, recommendation_monitoring.MONITORING
    of_loans = replace(few(loans.judge), changed_decisions=0.2, decline_rate=0.2)
    fewer_loans = replace(loans, judge=of_loans)
    fewer_lists = replace(
        lists,
        judge=few(lists.judge),
        drift=replace(lists.drift, minimum_rows=100),
        retrain=replace(lists.retrain, minimum_rows=200),
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(credit_monitoring, "MONITORING", fewer_loans)
        patched.setattr(recommendation_monitoring, "MONITORING", fewer_lists)
        yield


@pytest.fixture(scope="module")
def loan_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of loans, and one that has learnt the wrong way round."""
    folder = tmp_path_factory.mktemp("loan-models")
    write_credit_candidate(folder / "1", seed=0)
    write_credit_candidate(folder / "2", seed=5)
    write_credit_candidate(folder / "wrong-way-round", inverted=True)
    return folder


@pytest.fixture
def lending(
    loan_models: Path, applied_store: Path, empty_store: Path, tmp_path: Path
) -> Iterator[Loop]:
    """A loop of credit in which version 2 has just come into shadow."""
    with _lending(loan_models, applied_store, empty_store, tmp_path / "home") as loop:
        yield loop


@pytest.fixture(scope="module")
def lent(
    loan_models: Path,
    applied_store: Path,
    empty_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Round]:
    """A loop of credit in which version 2 has climbed to champion, released by a person."""
    home = tmp_path_factory.mktemp("lent") / "home"
    with _lending(loan_models, applied_store, empty_store, home) as loop:
        _release_by_command(loop)
        people = Applicants(loop)
        yield Round(loop, people, climb(loop, "2", people.ask))


@contextmanager
def _lending(models: Path, applied_store: Path, empty_store: Path, home: Path) -> Iterator[Loop]:
    with running(SCORING, _installed(home, empty_store, applied_store)) as loop:
        assert [loop.begin(models / name) for name in ("1", "2")] == ["1", "2"]
        yield loop


@pytest.fixture(scope="module")
def list_models(shops: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model of lists, and one whose merchants are in another order than its graph's."""
    folder = tmp_path_factory.mktemp("list-models")
    shops.train(folder / "2", seed=1)
    shutil.copytree(folder / "2", folder / "mixed-up")
    merchants = pq.read_table(folder / "mixed-up" / MERCHANTS)
    mixed = merchants.take(np.random.default_rng(3).permutation(len(merchants)))
    pq.write_table(mixed, folder / "mixed-up" / MERCHANTS)
    return folder


@pytest.fixture(scope="module")
def listed(
    shops: Company,
    list_models: Path,
    empty_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Round]:
    """A loop of recommendation in which version 2 has climbed to champion."""
    home = tmp_path_factory.mktemp("listed") / "home"
    settings = _installed(home, empty_store, key=shops.settings.pseudonym_secret().decode())
    shops.publish(settings)
    with running(NCF, settings) as loop:
        assert [loop.begin(one) for one in (shops.artifact, list_models / "2")] == ["1", "2"]
        people = Customers(loop, shops)
        yield Round(loop, people, climb(loop, "2", people.ask))


def _installed(
    home: Path, empty_store: Path, applied_store: Path | None = None, key: str | None = None
) -> Settings:
    """An installation with a registry, with an empty feature store or none, and one caller."""
    shutil.copytree(empty_store, home)
    if applied_store is not None:
        shutil.copytree(applied_store / "feast", home / "feast")
    callers = {"tests": hashlib.sha256(KEY.encode()).hexdigest()}
    return Settings(home=home, api_keys=callers, pseudonym_key=SecretStr(key) if key else None)


def _release_by_command(loop: Loop) -> None:
    with environment(loop.settings):
        arguments = ["rollout", "release", loop.spec.name, "--by", PERSON]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture(params=DOMAINS)
def went(request: pytest.FixtureRequest) -> Round:
    """The loop of either domain, in which version 2 has climbed to champion."""
    return request.getfixturevalue({"credit": "lent", "recommendation": "listed"}[request.param])


def test_a_credit_version_stays_in_shadow_until_a_person_releases_it(lending: Loop) -> None:
    answers = Applicants(lending).ask(PAIRS)
    assert {arm_of(one) for one in answers} == {("champion", "1")}
    lending.await_shadows("2", {one.json()["decision_id"] for one in answers})

    assert lending.step() == []
    assert lending.stage("2") is Stage.SHADOW
    judged = opinion(SCORING, lending.ledger, lending.settings)
    assert judged is not None
    observations, held = judged
    alone = judge(observations, credit_monitoring.MONITORING.judge)
    assert alone.action is Action.PROMOTE, alone.reasons
    assert held.action is Action.HOLD
    assert "until a person says otherwise: `finloop rollout release credit" in held.reasons[0]

    _release_by_command(lending)

    (move,) = lending.step()
    assert (move.version, move.body["to"]) == ("2", Stage.CANARY_5)
    (said,) = lending.ledger.events("release", SCORING.name)
    assert (said.actor, said.version) == (PERSON, "2")


def test_a_version_climbs_every_step_to_champion(went: Round) -> None:
    loop = went.loop
    assert loop.stages("2") == [Stage.WAITING, *LADDER]
    assert loop.stage("1") is Stage.RETIRED
    champion = loop.registry.champion(loop.spec.name)
    assert champion is not None
    assert (champion.version, champion.stage) == ("2", Stage.CHAMPION)
    assert {arm_of(one) for one in went.people.ask(10)} == {("champion", "2")}


def test_in_shadow_the_champion_answers_and_the_other_scores_beside(went: Round) -> None:
    answers = went.climbed.answers[Stage.SHADOW]
    assert {arm_of(one) for one in answers} == {("champion", "1")}
    assert {one.json()["decision_id"] for one in answers} <= went.loop.shadowed("2")


def test_in_a_canary_both_arms_answer_and_say_who_they_are(went: Round) -> None:
    loop, answers = went.loop, went.climbed.canary
    assert {arm_of(one) for one in answers} == BOTH
    for one in answers:
        decision = loop.ledger.decision(one.json()["decision_id"])
        assert decision is not None
        assert (decision.arm, decision.version) == arm_of(one)
        assert (decision.digest, decision.error) == (one.json()["model"]["digest"], None)
        assert decision.answer == one.text


def test_who_met_the_new_version_meets_it_again_in_the_next_canary(listed: Round) -> None:
    met: set[str] = set()
    for stage in LADDER[1:-1]:
        for one in listed.climbed.answers[stage]:
            decision = listed.loop.ledger.decision(one.json()["decision_id"])
            assert decision is not None
            assert decision.entity_id not in met or decision.arm == "challenger"
            met |= {decision.entity_id} if decision.arm == "challenger" else set()
    assert met


def test_an_answer_of_either_arm_can_be_read_again(went: Round) -> None:
    client = went.loop.client
    for one in went.climbed.canary:
        name, answer = one.json()["decision_id"], one.json()
        assert client.get(f"/v1/decisions/{name}").json()["answer"] == answer
        if went.loop.spec is SCORING:
            assert client.get(f"/v1/credit/scores/{name}").content == one.content


def test_what_people_followed_on_lists_of_both_arms_is_told_by_version(listed: Round) -> None:
    found = click_through(listed.loop.ledger, "recommendation", NCF.name, datetime.now(UTC))
    told = {(one.arm, one.version): one for one in found}
    assert set(told) >= BOTH
    assert all(told[arm].clicks > 0 and told[arm].shown > told[arm].clicks for arm in BOTH)


def test_a_model_that_learnt_the_wrong_way_round_is_rolled_back_before_anybody_met_it(
    lent: Round, loan_models: Path
) -> None:
    version = lent.loop.begin(loan_models / "wrong-way-round")
    _rolled_back_in_shadow(lent, version)


def test_a_model_whose_merchants_are_mixed_up_is_rolled_back_before_anybody_met_it(
    listed: Round, list_models: Path
) -> None:
    version = listed.loop.begin(list_models / "mixed-up")
    reasons = _rolled_back_in_shadow(listed, version)
    assert any(reason.startswith("PSI of the scores") for reason in reasons)


def _rolled_back_in_shadow(went: Round, version: str) -> list[str]:
    """See a version rolled back that answered nobody; the judge's reasons."""
    loop, answers = went.loop, went.people.ask(PAIRS)
    loop.await_shadows(version, {one.json()["decision_id"] for one in answers})

    (move,) = loop.step()

    assert (move.body["from"], move.body["to"]) == (Stage.SHADOW, Stage.ROLLED_BACK)
    assert (move.body["answered"], move.body["shadowed"]) == (0, PAIRS)
    assert loop.answered(version) == []
    assert {arm_of(one) for one in answers} == {("champion", "2")}
    assert loop.registry.aliases(loop.spec.name) == {"champion": "2"}
    manifest = read_manifest(loop.settings.serving)
    assert manifest is not None
    assert manifest.models[loop.spec.name].challenger is None
    return move.body["reasons"]


def test_lists_that_nobody_follows_are_rolled_back_in_the_canary(
    listed: Round, list_models: Path
) -> None:
    """The lists are good by every score: only what people do tells that something is wrong."""
    loop = listed.loop
    version = loop.begin(list_models / "2")
    people = listed.people
    assert isinstance(people, Customers)
    for _ in range(ROUNDS):
        if loop.stage(version) is Stage.ROLLED_BACK:
            break
        answers = people.ask(follows=lambda one: 0 if one["model"]["version"] == version else 3)
        if loop.stage(version) is Stage.SHADOW:
            loop.await_shadows(version, {one.json()["decision_id"] for one in answers})
        loop.step()

    *_, last = loop.ledger.events("rollout", NCF.name)
    assert loop.stages(version) == [Stage.WAITING, Stage.SHADOW, Stage.CANARY_5, Stage.ROLLED_BACK]
    assert any(reason.startswith("Seen and not followed") for reason in last.body["reasons"])
    assert last.body["answered"] == len(loop.answered(version)) > 0
    assert {arm_of(one) for one in people.ask(10)} == {("champion", "2")}


def test_drift_that_lasts_launches_the_pipeline_of_the_domain_once(went: Round) -> None:
    runs, loop = Runs(), went.loop
    weeks = Weeks.before(went.people.newest, loop.settings.timezone)
    ask = went.people.ask_all_week

    ask(weeks.first, changed=False)
    calm = _looked(loop, weeks.second, runs)
    assert [one["violated"] for one in calm.windows] == [False], calm.windows[0]["reasons"]
    assert not calm.decision.retrain
    assert runs.ran == []

    ask(weeks.second, changed=True)
    ask(weeks.third, changed=True)
    once = _looked(loop, weeks.third, runs)
    assert [one["violated"] for one in once.windows] == [False, True]
    assert runs.ran == []
    lasting = _looked(loop, weeks.until, runs)
    again = _looked(loop, weeks.until, runs)

    assert [one["violated"] for one in lasting.windows] == [False, True, True]
    drifted = {"credit-scoring": "annual_income", "recommendation-ncf": "categories"}
    column = drifted[loop.spec.name]
    assert any(reason.startswith(f"{column}: PSI") for reason in lasting.windows[-1]["reasons"])
    assert lasting.retraining is not None
    assert again.retraining is None
    assert [name for name, _ in runs.ran] == ["data", loop.spec.name]
    assert all(launch.resolve(name, arguments) for name, arguments in runs.ran)
    launched = [one for one in loop.ledger.events("retrain", loop.spec.name) if "#" not in one.key]
    assert [one.key for one in launched] == [lasting.windows[-1]["key"]]


def _looked(loop: Loop, until: datetime, runs: Runs) -> Watched:
    domain, spec = find_model(loop.spec.name)
    return watch(domain, spec, loop.settings, loop.ledger, until, runs)
