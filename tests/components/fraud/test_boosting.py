"""The fraud model keeps the contract of every model, and what is its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.metrics import average_precision_score

from components.common.artifact import Scorer, matrix
from components.common.errors import FinloopError
from components.fraud.boosting import Boosting, BoostingConfig, load_booster
from components.fraud.isolation_forest import IsolationForest
from tests.contracts import ModelContract, make_rows

SMALL = BoostingConfig(rounds=40, learning_rate=0.2, max_depth=3, max_bin=256)


class TestBoosting(ModelContract):
    def make(self, seed: int) -> Boosting:
        return Boosting(SMALL.model_copy(update={"seed": seed}))

    def load(self, directory: Path) -> Boosting:
        return Boosting.load(directory)


def _fit(config: BoostingConfig = SMALL) -> Boosting:
    x, y = make_rows()
    return Boosting(config).fit(x[:2000], y[:2000], calibration=(x[2000:], y[2000:]))


def test_another_seed_gives_other_trees() -> None:
    unseen = make_rows(seed=8)[0]
    one, two = (_fit(SMALL.model_copy(update={"seed": seed})) for seed in (1, 2))
    assert not np.array_equal(one.predict_proba(unseen), two.predict_proba(unseen))


def test_calibration_keeps_the_ranking() -> None:
    model, unseen = _fit(), make_rows(seed=8)[0]
    raw = Boosting(model.config, model.inputs, booster=model.booster, forest=model.forest)
    before, after = raw.predict_proba(unseen), model.predict_proba(unseen)
    assert model.calibration != raw.calibration
    np.testing.assert_array_equal(
        np.argsort(before, kind="stable"), np.argsort(after, kind="stable")
    )


def test_refitting_uses_the_newest_rows_too() -> None:
    kept = _fit(SMALL.model_copy(update={"refit": False}))
    refitted, unseen = _fit(), make_rows(seed=8)[0]
    assert kept.calibration == refitted.calibration
    assert not np.array_equal(kept.predict_proba(unseen), refitted.predict_proba(unseen))


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_value_on_a_threshold_goes_the_same_way_in_both(tmp_path: Path, offset: int) -> None:
    model = _fit(SMALL.model_copy(update={"isolation_trees": 0}))
    model.export(tmp_path)
    trees = json.loads(bytes(load_booster(tmp_path).save_raw("json")))
    first = trees["learner"]["gradient_booster"]["model"]["trees"][0]
    row = np.zeros((1, len(model.inputs)), dtype=np.float32)
    threshold = np.float32(first["split_conditions"][0])
    step = np.nextafter(threshold, np.float32(np.inf * (offset or 1)), dtype=np.float32)
    row[0, first["split_indices"][0]] = step if offset else threshold
    expected = model.predict_proba(pd.DataFrame(row, columns=list(model.inputs)))
    np.testing.assert_allclose(Scorer.load(tmp_path).score(row), expected, atol=1e-6)


def test_every_null_goes_the_way_its_split_learnt(tmp_path: Path) -> None:
    model = _fit()
    model.export(tmp_path)
    scorer, unseen = Scorer.load(tmp_path), make_rows(seed=8)[0].head(200)
    for name in model.inputs:
        holed = unseen.assign(**{name: np.nan})
        np.testing.assert_allclose(
            scorer.score(matrix(holed, scorer.inputs)), model.predict_proba(holed), atol=1e-6
        )


def test_a_sharp_cut_in_the_far_tail_is_found() -> None:
    random = np.random.default_rng(0)
    amount = random.exponential(30, size=40_000)
    fraud = (amount > 190).astype(int)  # about two in a thousand, inside one bin of 256
    frame = pd.DataFrame({"amount": amount})
    model = Boosting(BoostingConfig(rounds=30, learning_rate=0.3, colsample=1.0)).fit(frame, fraud)
    near = model.predict_proba(pd.DataFrame({"amount": [187.0, 193.0]}))
    assert near[1] > 5 * near[0]


def test_rows_of_one_class_are_refused() -> None:
    x, _ = make_rows()
    with pytest.raises(FinloopError, match="one class") as refusal:
        Boosting(SMALL).fit(x, np.zeros(len(x)))
    assert refusal.value.code == "one_class"


def test_a_frame_without_an_input_is_refused() -> None:
    model, unseen = _fit(), make_rows(seed=8)[0]
    with pytest.raises(FinloopError, match="feature_3"):
        model.predict_proba(unseen.drop(columns="feature_3"))


def test_a_model_that_is_not_fitted_says_so(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="fit"):
        Boosting(SMALL).export(tmp_path)


def test_a_file_that_is_no_booster_is_refused(tmp_path: Path) -> None:
    (tmp_path / "booster.ubj").write_bytes(b"nothing of the kind")
    with pytest.raises(FinloopError, match="cannot be loaded"):
        Boosting.load(tmp_path)


@pytest.mark.parametrize("wrong", [{"round": 3}, {"rounds": 0}, {"learning_rate": 2}])
def test_a_configuration_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        BoostingConfig.model_validate(wrong)


def test_the_isolation_forest_saw_the_training_rows_only() -> None:
    model = _fit()
    x, _ = make_rows()
    alone = IsolationForest.fit(SMALL, matrix(x[:2000], model.inputs), SMALL.seed)
    assert model.forest is not None
    assert model.forest.model == alone.model


def test_the_anomaly_is_an_input_of_the_trees(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = pd.DataFrame(random.normal(size=(4000, 4)), columns=[f"feature_{n}" for n in range(4)])
    odd = (x**2).sum(axis=1) > 12  # far from all others, in whatever direction
    shallow = BoostingConfig(rounds=5, max_depth=1, learning_rate=0.3, min_child_weight=0)
    with_forest, without = (
        Boosting(shallow.model_copy(update={"isolation_trees": trees})).fit(x[:3000], odd[:3000])
        for trees in (100, 0)
    )
    precision = [
        average_precision_score(odd[3000:], model.predict_proba(x[3000:]))
        for model in (with_forest, without)
    ]
    assert precision[0] > precision[1] + 0.1
    with_forest.export(tmp_path / "with")
    without.export(tmp_path / "without")
    assert (tmp_path / "with" / "isolation.onnx").exists()
    assert not (tmp_path / "without" / "isolation.onnx").exists()
    assert without.anomaly(x) is None
