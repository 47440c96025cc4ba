"""The term beside the network: every merchant from all others, linearly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.artifact import Scorer
from components.recommendation import shallow
from components.recommendation.leave_one_out import HeldOut
from components.recommendation.ncf import Ncf, NcfConfig
from components.recommendation.pairs import NOBODY, History, Pairs
from components.recommendation.shallow import SHARES, Shallow

USERS, ITEMS, LENGTH, RIDGE = 40, 4, 3, 5.0


def town() -> Pairs:
    """Whoever goes to an even merchant goes to the next one, too."""
    even = np.random.default_rng(0).integers(0, ITEMS // 2, USERS) * 2
    return Pairs.of(
        np.repeat(np.arange(USERS), 2),
        np.stack([even, even + 1], axis=1).ravel(),
        users=USERS,
        items=ITEMS,
    )


def history(*choices: dict[int, float]) -> History:
    """Histories of merchants with weights, padded."""
    item = np.full((len(choices), LENGTH), NOBODY, dtype=np.int32)
    weight = np.zeros((len(choices), LENGTH), dtype=np.float32)
    for row, chosen in enumerate(choices):
        item[row, : len(chosen)] = list(chosen)
        weight[row, : len(chosen)] = list(chosen.values())
    return History(item, weight)


def made() -> Shallow:
    found = Shallow.of(town(), RIDGE)
    assert found is not None
    return found


def test_it_is_the_closed_form_of_its_source() -> None:
    chosen = town().matrix().toarray().astype(float)
    inverse = np.linalg.inv(chosen.T @ chosen + RIDGE * np.eye(ITEMS))
    table = np.eye(ITEMS) - inverse / np.diag(inverse)
    (told,) = made().told(history({0: 2.0, 3: 1.0}))
    assert told == pytest.approx(table[0] + table[3], abs=1e-5)


def test_candidates_are_told_like_everything() -> None:
    told = history({0: 1.0}, {2: 1.0, 1: 1.0}, {})
    items = np.array([[3, 1], [0, 2], [1, 1]])
    every = made().told(told)
    assert made().told(told, items) == pytest.approx(np.take_along_axis(every, items, axis=1))
    assert (every[2] == 0).all()


def test_it_says_as_much_as_ranks_held_out_choices_best() -> None:
    told = history(*({at: 1.0} for at in (0, 2)))
    follows = HeldOut(told, np.array([[1, 3], [3, 1]], np.int32))
    indifferent = np.zeros((2, 2))
    against = np.array([[0.0, 1.0], [0.0, 1.0]])
    assert made().fitted(indifferent, follows).share == SHARES[1]
    assert made().fitted(against, follows).share > SHARES[1]
    elsewhere = HeldOut(told, follows.items[:, ::-1].copy())
    assert made().fitted(against[:, ::-1], elsewhere).share == 0


def test_a_table_of_very_many_merchants_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shallow, "MOST_MERCHANTS", ITEMS - 1)
    assert Shallow.of(town(), RIDGE) is None


def test_the_artifact_says_what_the_model_says(tmp_path: Path) -> None:
    config = NcfConfig(
        factors=4, layers=(8,), history=LENGTH, epochs=1, group=8, negatives=2, pretrain=False
    )
    members = Ncf.fit(config, town()).members
    beside = Shallow(made().table, 3.0)
    network = Ncf(config, members, shallow=beside, slope=0.4, offset=-1.0)
    told = history({0: 2.0, 3: 1.0}, {}, {1: 0.5, 2: 0.5, 3: 4.0})
    assert np.abs(network.margins(told) - Ncf(config, members).margins(told)).max() > 0.1
    network.export(tmp_path)
    nothing = told.item == NOBODY
    item, weight = (np.where(nothing, np.nan, column) for column in (told.item, told.weight))
    said = Scorer.load(tmp_path).score(np.concatenate([item, weight], axis=1).astype(np.float32))
    assert said == pytest.approx(network.probability(told), abs=1e-5)


def test_a_term_that_says_nothing_is_no_weight_of_the_artifact(tmp_path: Path) -> None:
    config = NcfConfig(
        factors=4, layers=(8,), history=LENGTH, epochs=1, group=8, negatives=2, pretrain=False
    )
    alone = Ncf.fit(config, town())
    silent = Ncf(config, alone.members, shallow=Shallow(made().table, 0.0))
    told = history({0: 2.0, 3: 1.0}, {})
    assert (silent.margins(told) == alone.margins(told)).all()
    for name, model in (("alone", alone), ("silent", silent)):
        model.export(tmp_path / name)
    written = [(tmp_path / name / "model.onnx").read_bytes() for name in ("alone", "silent")]
    assert written[0] == written[1]
