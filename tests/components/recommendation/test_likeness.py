"""The term beside the network: what merchants have in common by their own customers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from components.common.artifact import Scorer
from components.recommendation import likeness
from components.recommendation.likeness import LEAST, Likeness
from components.recommendation.ncf import Ncf, NcfConfig
from components.recommendation.pairs import NOBODY, History, Pairs

PAID = csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0]], dtype=float))
LENGTH = 3


def history(*choices: dict[int, float]) -> History:
    """Histories of merchants with weights, padded."""
    item = np.full((len(choices), LENGTH), NOBODY, dtype=np.int32)
    weight = np.zeros((len(choices), LENGTH), dtype=np.float32)
    for row, chosen in enumerate(choices):
        item[row, : len(chosen)] = list(chosen)
        weight[row, : len(chosen)] = list(chosen.values())
    return History(item, weight)


def made() -> Likeness:
    found = Likeness.of(PAID)
    assert found is not None
    return found


def test_it_is_the_mean_cosine_to_what_was_chosen() -> None:
    dense = PAID.toarray()
    length = np.linalg.norm(dense, axis=0)
    cosine = dense.T @ dense / np.outer(length, length)
    np.fill_diagonal(cosine, 0)
    (told,) = made().told(history({0: 2.0, 3: 1.0}))
    expected = np.log(LEAST + (2 * cosine[0] + cosine[3]) / 3)
    assert told == pytest.approx(expected, abs=1e-6)


def test_without_a_history_nothing_is_alike() -> None:
    assert made().told(history({})) == pytest.approx(np.log(LEAST))


def test_a_table_of_very_many_merchants_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "MOST_MERCHANTS", 3)
    assert Likeness.of(PAID) is None


@pytest.fixture(scope="module")
def network() -> Ncf:
    draw = np.random.default_rng(0)
    pairs = Pairs.of(
        np.repeat(np.arange(40), 2),
        np.concatenate([draw.choice(4, 2, replace=False) for _ in range(40)]),
        users=40,
        items=4,
    )
    config = NcfConfig(
        factors=4, layers=(8,), history=LENGTH, epochs=1, group=8, negatives=2, pretrain=False
    )
    fitted = Ncf.fit(config, pairs)
    return Ncf(config, fitted.members, beside=made().weighing(0.7), slope=0.4, offset=-1.0)


def test_the_artifact_says_what_the_model_says(network: Ncf, tmp_path: Path) -> None:
    network.export(tmp_path)
    told = history({0: 2.0, 3: 1.0}, {}, {1: 0.5, 2: 0.5, 3: 4.0})
    item = np.where(told.item == NOBODY, np.nan, told.item)
    weight = np.where(told.item == NOBODY, np.nan, told.weight)
    inputs = np.concatenate([item, weight], axis=1).astype(np.float32)
    said = Scorer.load(tmp_path).score(inputs)
    assert said == pytest.approx(network.probability(told), abs=1e-5)


def test_calibration_finds_that_what_is_alike_is_chosen(network: Ncf) -> None:
    told = history(*({at % 4: 1.0} for at in range(40)))
    alike = made().told(told)
    chose = alike == alike.max(axis=1, keepdims=True)
    fitted = network.calibrated(told, np.ones_like(chose), chose)
    assert fitted.beside is not None
    assert fitted.beside.weight > 1
    assert (fitted.probability(told).argmax(axis=1) == alike.argmax(axis=1)).all()
