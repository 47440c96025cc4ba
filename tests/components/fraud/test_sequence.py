"""The model of sequences keeps the contract of every model, and what is its own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from components.common.artifact import Scorer
from components.common.errors import FinloopError
from components.common.lags import ABSENT, Sequences, lag_names
from components.fraud.sequence import Sequence, SequenceConfig, features_of
from tests.contracts import ModelContract

SMALL = SequenceConfig(
    first_units=8, second_units=6, dense_units=4, epochs=12, batch=64, learning_rate=2e-2
)
FEATURES = ("size", "kind")


class TestSequence(ModelContract):
    """Rows without a past: sequences of one payment."""

    def make(self, seed: int) -> Sequence:
        return Sequence(SMALL.model_copy(update={"seed": seed}))

    def load(self, directory: Path) -> Sequence:
        return Sequence.load(directory)


def draw(seed: int, count: int = 1_500) -> tuple[Sequences, np.ndarray]:
    """Sequences of up to three events, some shorter; bad where the two before were large."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(count * 3, 2)).astype(np.float32)
    index = np.arange(count * 3, dtype=np.int32).reshape(count, 3)
    length = random.integers(1, 4, count)
    index[np.arange(3) >= length[:, None]] = ABSENT
    large = np.where(index[:, 1:] == ABSENT, -1.0, values[index[:, 1:], 0]).mean(axis=1)
    return Sequences(values, index), (large > 0.6).astype(np.float32)


@cache
def fitted(**changes: int) -> Sequence:
    rows, label = draw(1)
    early, later = np.arange(1_000), np.arange(1_000, 1_500)
    config = SMALL.model_copy(update=changes)
    return Sequence(config).fit_sequences(
        FEATURES, rows.take(early), label[early], calibration=(rows.take(later), label[later])
    )


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lstm")
    fitted().export(folder)
    return folder


def test_it_learns_from_the_events_before() -> None:
    rows, label = draw(2)
    assert roc_auc_score(label, fitted().predict_sequences(rows)) > 0.95
    alone = Sequences(rows.values, np.where(np.arange(3) > 0, ABSENT, rows.index).astype(np.int32))
    assert roc_auc_score(label, fitted().predict_sequences(alone)) < 0.6


def test_the_artifact_is_the_model_for_every_length_of_history(artifact: Path) -> None:
    rows, _ = draw(3, count=300)
    score = Scorer.load(artifact).score(rows.flat())
    np.testing.assert_allclose(score, fitted().predict_sequences(rows), atol=1e-5)


def test_a_short_history_is_as_if_the_sequence_began_later(artifact: Path) -> None:
    """What an absent event holds in its other inputs' place says nothing."""
    rows, _ = draw(4, count=50)
    one = Sequences(rows.values, rows.index[:, :1])
    padded = Sequences(rows.values, np.where(np.arange(3) > 0, ABSENT, rows.index).astype(np.int32))
    network, prepared = fitted().network, fitted().preparation
    assert network is not None and prepared is not None
    short = Sequence.load(artifact)
    short.inputs = lag_names(FEATURES, 0)
    short.export(artifact.parent / "short")
    first = Scorer.load(artifact.parent / "short").score(one.flat())
    np.testing.assert_allclose(first, fitted().predict_sequences(padded), atol=1e-6)


def test_gathered_and_flat_rows_train_the_same_model() -> None:
    rows, label = draw(1)
    names = lag_names(FEATURES, 2)
    flat = pd.DataFrame(rows.flat(), columns=list(names))
    quick = SMALL.model_copy(update={"epochs": 2})
    one = Sequence(quick).fit(flat, label)
    other = Sequence(quick).fit_sequences(FEATURES, Sequences.of_flat(rows.flat(), 2), label)
    np.testing.assert_array_equal(one.predict_proba(flat), other.predict_proba(flat))
    assert one.inputs == names


def test_few_genuine_rows_in_a_pass_leave_the_probabilities_right() -> None:
    rows, label = draw(5)
    sampled = fitted(epoch_rows=500).predict_sequences(rows)
    assert sampled.mean() == pytest.approx(label.mean(), rel=0.25)


def test_inputs_out_of_order_are_refused() -> None:
    assert features_of(lag_names(FEATURES, 2)) == FEATURES
    with pytest.raises(FinloopError, match="no sequence"):
        features_of(("size", "size_lag_1", "kind"))


def test_one_class_is_refused() -> None:
    rows, label = draw(1)
    with pytest.raises(FinloopError, match="one class"):
        Sequence(SMALL).fit_sequences(FEATURES, rows, np.zeros_like(label))
