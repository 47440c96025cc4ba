"""What every model promises; a model's tests inherit this and say how it is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from components.common.artifact import Scorer, matrix

ROWS, FEATURES = 3000, 6


class Classifier(Protocol):
    """A model as this house understands it: a configuration, `fit` and `predict_proba`."""

    def fit(
        self,
        x: pd.DataFrame,
        y: npt.ArrayLike,
        *,
        calibration: tuple[pd.DataFrame, npt.ArrayLike] | None = None,
    ) -> Self: ...

    def predict_proba(self, x: pd.DataFrame) -> npt.NDArray[np.float64]: ...

    def export(self, directory: Path) -> None: ...


def make_rows(seed: int = 7) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Rows with a learnable rare class and a tenth of all values null."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(ROWS, FEATURES))
    signal = 1.5 * values[:, 0] + np.where(values[:, 1] > 1, 3, 0) + random.normal(size=ROWS)
    values[random.random(values.shape) < 0.1] = np.nan
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(FEATURES)])
    return frame, (signal > np.quantile(signal, 0.95)).astype(np.int64)


class ModelContract(ABC):
    """Fits, is deterministic under a seed, survives nulls and unknown ids, is its artifact, and
    comes back from disk as it was."""

    tolerance = 1e-5
    """Largest difference between the model and its artifact (float32 sums)."""

    @abstractmethod
    def make(self, seed: int) -> Classifier:
        """A small model, not fitted."""

    @abstractmethod
    def load(self, directory: Path) -> Classifier:
        """The model that was exported there."""

    @pytest.fixture(scope="class")
    def rows(self) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
        return make_rows()

    @pytest.fixture(scope="class")
    def fitted(self, rows: tuple[pd.DataFrame, npt.NDArray[np.int64]]) -> Classifier:
        return self._fit(1, *rows)

    @pytest.fixture(scope="class")
    def unseen(self) -> pd.DataFrame:
        return make_rows(seed=8)[0]

    @pytest.fixture(scope="class")
    def folder(self, fitted: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
        directory = tmp_path_factory.mktemp("artifact")
        fitted.export(directory)
        return directory

    def _fit(self, seed: int, x: pd.DataFrame, y: npt.NDArray[np.int64]) -> Classifier:
        cut = len(x) * 2 // 3
        return self.make(seed).fit(x[:cut], y[:cut], calibration=(x[cut:], y[cut:]))

    def test_it_learns_what_there_is_to_learn(self, fitted: Classifier) -> None:
        x, y = make_rows(seed=8)
        probability = fitted.predict_proba(x)
        assert probability[y == 1].mean() > 4 * probability[y == 0].mean()

    def test_it_answers_with_probabilities(self, fitted: Classifier, unseen: pd.DataFrame) -> None:
        probability = fitted.predict_proba(unseen)
        assert probability.shape == (len(unseen),)
        assert ((probability > 0) & (probability < 1)).all()

    def test_its_probabilities_mean_what_they_say(self, fitted: Classifier) -> None:
        x, y = make_rows(seed=8)
        assert fitted.predict_proba(x).mean() == pytest.approx(y.mean(), rel=0.25)

    def test_the_same_seed_gives_the_same_scores(
        self,
        rows: tuple[pd.DataFrame, npt.NDArray[np.int64]],
        fitted: Classifier,
        unseen: pd.DataFrame,
    ) -> None:
        again = self._fit(1, *rows).predict_proba(unseen)
        np.testing.assert_array_equal(again, fitted.predict_proba(unseen))

    def test_fitting_changes_no_input(
        self, rows: tuple[pd.DataFrame, npt.NDArray[np.int64]]
    ) -> None:
        x, y = rows[0].copy(), rows[1].copy()
        self._fit(1, x, y)
        pd.testing.assert_frame_equal(x, rows[0])
        np.testing.assert_array_equal(y, rows[1])

    @pytest.mark.parametrize("value", [np.nan, None, np.inf, -np.inf, 1e38])
    def test_it_survives_what_it_has_never_seen(
        self, fitted: Classifier, folder: Path, unseen: pd.DataFrame, value: float | None
    ) -> None:
        strange = unseen.head(3).astype(object)
        strange.iloc[0, :] = value
        expected = fitted.predict_proba(strange)
        assert np.isfinite(expected).all()
        scorer = Scorer.load(folder)
        rows = [{name: strange[name].iloc[i] for name in scorer.inputs} for i in range(3)]
        actual = [scorer.score(scorer.vector(row))[0] for row in rows]
        np.testing.assert_allclose(actual, expected, atol=self.tolerance)

    def test_columns_are_taken_by_name(self, fitted: Classifier, unseen: pd.DataFrame) -> None:
        shuffled = unseen[list(reversed(unseen.columns))].assign(unknown=1.0)
        np.testing.assert_array_equal(fitted.predict_proba(shuffled), fitted.predict_proba(unseen))

    def test_the_artifact_is_the_model(
        self, fitted: Classifier, folder: Path, unseen: pd.DataFrame
    ) -> None:
        scorer = Scorer.load(folder)
        actual, expected = scorer.score(matrix(unseen, scorer.inputs)), fitted.predict_proba(unseen)
        np.testing.assert_allclose(actual, expected, atol=self.tolerance)

    def test_one_row_scores_like_many(self, folder: Path, unseen: pd.DataFrame) -> None:
        scorer = Scorer.load(folder)
        rows = matrix(unseen.head(50), scorer.inputs)
        single = [scorer.score(rows[i : i + 1])[0] for i in range(len(rows))]
        np.testing.assert_allclose(single, scorer.score(rows), atol=1e-6)

    def test_it_comes_back_from_disk_as_it_was(
        self, fitted: Classifier, folder: Path, unseen: pd.DataFrame
    ) -> None:
        back = self.load(folder).predict_proba(unseen)
        np.testing.assert_array_equal(back, fitted.predict_proba(unseen))

    def test_exporting_twice_gives_the_same_bytes(
        self, fitted: Classifier, folder: Path, tmp_path: Path
    ) -> None:
        fitted.export(tmp_path)
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
            file.name: file.read_bytes() for file in folder.iterdir()
        }
