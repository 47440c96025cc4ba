"""Two models are asked about a payment: both are recorded, the first one that answers decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.common.lags import ABSENT, Sequences
from components.common.records import Decision, Member
from components.common.sealing import seal
from components.fraud import LSTM, XGBOOST
from components.fraud.decision import Policy
from components.fraud.sequence import Sequence, SequenceConfig
from components.fraud.sequence_steps import STEP, STEPS
from serving.common.library import Library
from serving.common.manifest import Deployment, Release
from serving.common.models import Fleet, Loaded
from serving.common.replay import replay
from tests.serving.desk import Desk, follow
from tests.serving.fraud.test_service import DEAR, Broken


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A network that takes a payment after a dear one for fraud."""
    random = np.random.default_rng(0)
    values = random.normal(size=(4_000, len(STEP))).astype(np.float32)
    values[:, 0] = np.where(random.random(4_000) < 0.3, 90_000.0, 100.0)
    values[:, 1] = np.log1p(values[:, 0])
    index = np.arange(4_000, dtype=np.int32)[:, None] - np.arange(STEPS + 1, dtype=np.int32)
    index[:, 2:] = ABSENT
    index[::2, 1] = ABSENT  # every second one is the first of its customer
    label = (index[:, 1] >= 0) & (values[index[:, 1], 0] > 1_000)
    config = SequenceConfig(
        first_units=8, second_units=8, dense_units=8, epochs=12, batch=64, learning_rate=2e-2
    )
    rows = Sequences(values, index)
    early, later = np.arange(3_000), np.arange(3_000, 4_000)
    model = Sequence(config).fit_sequences(
        STEP, rows.take(early), label[early], calibration=(rows.take(later), label[later])
    )
    folder = tmp_path_factory.mktemp("network")
    model.export(folder)
    Policy().write(folder)
    return Release("7", seal(folder).digest, str(folder), "7")


@pytest.fixture
def pair(desk: Desk, releases: dict[str, Release], network: Release) -> Desk:
    """The app with both models in production."""
    follow(desk.runtime, {XGBOOST.name: Deployment(releases["1"]), LSTM.name: Deployment(network)})
    return desk


def members(desk: Desk) -> list[Member]:
    return list(desk.runtime.ledger.select(Member))


def last(desk: Desk) -> Decision:
    return list(desk.runtime.ledger.decisions())[-1]


def test_both_are_asked_and_the_first_one_decides(pair: Desk) -> None:
    answer = pair.decide(amount=DEAR).json()
    assert [one["name"] for one in answer["members"]] == [XGBOOST.name, LSTM.name]
    assert answer["probability"] == answer["members"][0]["probability"] > 0.7
    kept = members(pair)
    assert [(one.model, one.version, one.arm) for one in kept] == [
        (XGBOOST.name, "1", "champion"),
        (LSTM.name, "7", "champion"),
    ]
    assert [one.score for one in kept] == [one["probability"] for one in answer["members"]]
    assert (kept[0].decision, kept[1].decision) == ("DECLINE", "APPROVE")


def test_the_network_sees_the_payment_before(pair: Desk) -> None:
    first = pair.decide(amount=DEAR).json()
    second = pair.decide(transaction_id="t2").json()
    said = [answer["members"][1]["probability"] for answer in (first, second)]
    assert said[0] < 0.3 < 0.7 < said[1]
    facts = [json.loads(one.features) for one in pair.runtime.ledger.decisions()]
    assert facts[0]["past"]["amount"] == []
    for name in STEP:
        assert facts[1]["past"][name] == [facts[0]["inputs"][name]]


def test_a_replay_by_both_gives_the_same_bytes(pair: Desk) -> None:
    for number in range(3):
        pair.decide(transaction_id=f"t{number}", amount=DEAR if number else 100.0)
    assert replayed(pair) == [True] * 3


def replayed(desk: Desk) -> list[bool]:
    """Whether each decision so far gives the same bytes again, from files by digest."""
    files = desk.runtime.settings.serving / "models"
    files.mkdir(parents=True)
    for fleet in desk.runtime.models.current.fleets.values():
        assert fleet.champion is not None
        release = fleet.champion.release
        (files / release.digest).symlink_to(Path(release.path))
    library = Library(desk.runtime.settings)
    return [one.same for one in replay(desk.runtime.ledger.decisions(), library)]


def test_a_member_that_fails_is_named_and_the_other_one_decides(pair: Desk) -> None:
    fleets = dict(pair.runtime.models.current.fleets)
    for name, trouble, decision in (
        (LSTM.name, "fraud-lstm_champion_failed", "DECLINE"),
        (XGBOOST.name, "champion_failed", "APPROVE"),
    ):
        champion = fleets[name].champion
        assert champion is not None
        broken = replace(champion, scorer=Broken(champion.scorer))
        pair.runtime.models.current = Loaded(9, {**fleets, name: Fleet(broken)})
        answer = pair.decide(transaction_id=name, user_id=name, amount=DEAR).json()
        assert trouble in answer["degraded"]
        assert answer["decision"] == decision
        assert [one["name"] for one in answer["members"]] == [one for one in fleets if one != name]
        errors = {one.model: one.error for one in members(pair)[-2:]}
        assert errors[name] == "invalid_score: nan"


def test_the_network_alone_answers_without_the_trees(desk: Desk, network: Release) -> None:
    follow(desk.runtime, {LSTM.name: Deployment(network)})
    answer = desk.decide().json()
    assert answer["model"]["name"] == LSTM.name
    assert "model_missing" not in answer["degraded"]
    assert last(desk).model == LSTM.name
    assert members(desk) == []


def test_the_network_says_why_where_it_decides_alone(desk: Desk, network: Release) -> None:
    follow(desk.runtime, {LSTM.name: Deployment(network)})
    first, second = desk.decide(amount=DEAR).json(), desk.decide(transaction_id="t2").json()
    assert (first["decision"], first["reasons"]) == ("APPROVE", [])
    assert second["decision"] == "DECLINE"
    assert second["reasons"][0] == {
        "code": "RECENT_PAYMENTS",
        "text_en": "The customer's payments just before this one are typical of fraud.",
        "text_ko": "직전 결제 내역이 사기 거래에서 자주 나타나는 모습입니다.",
    }
    assert "reasons_unavailable" not in second["degraded"]
    assert replayed(desk) == [True, True]


def test_a_network_in_shadow_scores_and_does_not_answer(
    desk: Desk,
    releases: dict[str, Release],
    network: Release,
    eventually: Callable[..., None],
) -> None:
    shadow = Deployment(None, network, "shadow", 0.0, "salt")
    follow(desk.runtime, {XGBOOST.name: Deployment(releases["1"]), LSTM.name: shadow})
    answer = desk.decide().json()
    assert [one["name"] for one in answer["members"]] == [XGBOOST.name]
    eventually(lambda: list(desk.runtime.ledger.shadows()), "a shadow score")
    (scored,) = desk.runtime.ledger.shadows()
    assert (scored.model, scored.version, scored.error) == (LSTM.name, "7", None)
