"""The recommender learns tastes, is the same twice, and its artifact says what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.common.artifact import Scorer, read_inputs
from components.common.errors import FinloopError
from components.recommendation.leave_one_out import HeldOut, ndcg, ranks
from components.recommendation.ncf import Ncf, NcfConfig, Schedule, inputs_of
from components.recommendation.pairs import NOBODY, History, Pairs
from tests.components.recommendation.town import (
    ITEMS,
    SMALL,
    TASTES,
    USERS,
    Town,
    fit_to_town,
    held_out_of_town,
    make_town,
)


@pytest.fixture(scope="module")
def town() -> Town:
    return make_town()


@pytest.fixture(scope="module")
def held() -> tuple[Pairs, HeldOut]:
    return held_out_of_town()


@pytest.fixture(scope="module")
def fitted() -> Ncf:
    return fit_to_town()


@pytest.fixture(scope="module")
def artifact(fitted: Ncf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ncf")
    fitted.export(folder)
    return folder


def matrix(history: History, *, users: bool = False) -> np.ndarray:
    """Rows as serving fills them: NaN where there is nothing."""
    nothing = history.item == NOBODY
    parts = [np.where(nothing, np.nan, history.item), np.where(nothing, np.nan, history.weight)]
    if users:
        assert history.user is not None
        parts.append(np.where(history.user < 0, np.nan, history.user)[:, None])
    return np.concatenate(parts, axis=1).astype(np.float32)


def gain(model: Ncf, held_out: HeldOut) -> float:
    return float(ndcg(ranks(model.margins(held_out.history, held_out.items))).mean())


def test_it_learns_more_than_what_is_popular(fitted: Ncf, held: tuple[Pairs, HeldOut]) -> None:
    popular = held[0].popularity[held[1].items].astype(float)
    assert gain(fitted, held[1]) > float(ndcg(ranks(popular)).mean()) + 0.1


def test_a_new_customer_is_known_by_the_history(fitted: Ncf, town: Town) -> None:
    for taste in range(TASTES):
        paid = [taste + TASTES * place for place in range(1, 5)]
        item = np.array([paid + [NOBODY] * 2], np.int32)
        weight = np.where(item >= 0, 1, 0).astype(np.float32)
        best = np.argsort(-fitted.margins(History(item, weight))[0])[:10]
        assert (best % TASTES == taste).sum() >= 7


def test_a_new_merchant_is_reached_by_its_content(fitted: Ncf, town: Town) -> None:
    told = town.pairs.histories(np.arange(USERS), SMALL.history, SMALL.half_life_days)
    share = fitted.probability(told)[:, town.new]
    theirs = np.arange(USERS) % TASTES == 0
    assert share[theirs].mean() > 3 * share[~theirs].mean()


def test_the_artifact_says_what_the_model_says(fitted: Ncf, town: Town, artifact: Path) -> None:
    told = town.pairs.histories(np.arange(20), SMALL.history, SMALL.half_life_days)
    nobody = History(
        np.full((1, SMALL.history), NOBODY, np.int32), np.zeros((1, SMALL.history), np.float32)
    )
    scorer = Scorer.load(artifact)
    assert scorer.inputs == inputs_of(SMALL.history)
    for history in (History(told.item, told.weight), nobody):
        expected = fitted.probability(history)
        found = scorer.score(matrix(history))
        assert found.shape == (len(history), ITEMS)
        assert found == pytest.approx(expected, rel=1e-3)


def test_an_artifact_with_customers_knows_the_old_and_answers_the_new(
    fitted: Ncf, town: Town, tmp_path: Path
) -> None:
    fitted.export(tmp_path, users=True)
    assert read_inputs(tmp_path)[-1] == "user"
    told = town.pairs.histories(np.arange(10), SMALL.history, SMALL.half_life_days)
    new = History(told.item, told.weight, np.full(10, NOBODY, np.int32))
    scorer = Scorer.load(tmp_path)
    for history in (told, new):
        found = scorer.score(matrix(history, users=True))
        assert found == pytest.approx(fitted.probability(history), rel=1e-3)
    assert fitted.margins(new) == pytest.approx(fitted.margins(History(told.item, told.weight)))
    assert np.abs(fitted.margins(told) - fitted.margins(new)).max() > 1e-3


def test_the_same_seed_gives_the_same_bytes(
    fitted: Ncf, town: Town, held: tuple[Pairs, HeldOut]
) -> None:
    again = Ncf.fit(SMALL, held[0], town.content, held_out=held[1])
    assert again.schedules == fitted.schedules
    for name, weights in fitted.members[0].items():
        assert (again.members[0][name] == weights).all(), name


def test_shares_sum_to_one_and_calibration_keeps_the_order(
    fitted: Ncf, held: tuple[Pairs, HeldOut]
) -> None:
    told = held[1].history
    log_odds = np.log(fitted.probability(told)) - np.log1p(-fitted.probability(told))
    assert (1 / (1 + np.exp(-log_odds))).sum(axis=1) == pytest.approx(1.0, abs=0.25)
    chose = np.zeros((len(told), ITEMS), dtype=bool)
    chose[np.arange(len(told)), held[1].items[:, 0]] = True
    open_to = np.ones_like(chose)
    for row, user in enumerate(held[1].users):
        open_to[row, held[0].item[held[0].user == user]] = False
    bent = fitted.calibrated(told, open_to, chose)
    assert bent.probability(told)[open_to].mean() == pytest.approx(chose[open_to].mean(), rel=1e-3)
    few = told.take(slice(5))
    one, other = fitted.probability(few), bent.probability(few)
    assert (np.argsort(-one, kind="stable") == np.argsort(-other, kind="stable")).mean() > 0.99
    assert fitted.calibrated(told, open_to, np.zeros_like(chose)) is fitted


def test_members_are_averaged(town: Town, tmp_path: Path) -> None:
    config = SMALL.model_copy(update={"members": 2, "epochs": 1})
    both = Ncf.fit(config, town.pairs)
    alone = [Ncf(config, (one,)) for one in both.members]
    told = town.pairs.histories(np.arange(5), SMALL.history, SMALL.half_life_days)
    mean = np.mean([one.margins(told) for one in alone], axis=0)
    assert both.margins(told) == pytest.approx(mean)
    assert np.abs(alone[0].margins(told) - alone[1].margins(told)).max() > 1e-3
    both.export(tmp_path)
    told = History(told.item, told.weight)
    found = Scorer.load(tmp_path).score(matrix(told))
    assert found == pytest.approx(both.probability(told), rel=1e-3)


def test_what_was_learnt_can_be_learnt_again_from_more_pairs(fitted: Ncf, town: Town) -> None:
    how = (Schedule(epochs=2, reduced_after=(1,)),)
    planned = replace(fitted, schedules=how, slope=0.7, offset=-1.0)
    again = planned.again(town.pairs, town.content)
    assert (again.schedules, again.slope, again.offset) == (how, 0.7, -1.0)
    assert again.shallow is not None
    assert fitted.shallow is not None
    assert again.shallow.share == fitted.shallow.share
    assert np.abs(again.shallow.table - fitted.shallow.table).max() > 1e-3


def test_pairs_without_an_order_are_learnt_from_too(town: Town) -> None:
    known = Pairs.of(town.pairs.user, town.pairs.item, users=USERS, items=ITEMS)
    config = SMALL.model_copy(update={"epochs": 4})
    model = Ncf.fit(config, known)
    told = known.histories(np.arange(USERS), SMALL.history, None)
    best = model.margins(told).argmax(axis=1)
    assert (best % TASTES == np.arange(USERS) % TASTES).mean() > 0.9


def test_too_few_pairs_are_one_clear_sentence() -> None:
    with pytest.raises(FinloopError, match="There are 1 pairs to learn from; 8 are the least"):
        Ncf.fit(SMALL, Pairs.of([0], [0], users=1, items=1))


def test_a_configuration_has_no_unknown_fields() -> None:
    with pytest.raises(ValueError, match="extra"):
        NcfConfig.model_validate({"embedding": 3})
