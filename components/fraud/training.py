"""From a training frame to a judged candidate: train, calibrate, export, evaluate the artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.artifact import Scorer, matrix
from components.common.evaluation import (
    Metric,
    Scored,
    artifact_difference,
    evaluate,
    judge_gates,
    scored,
)
from components.common.evidence import Evidence, count_splits, write_reference, write_sample
from components.common.model_card import IMPORTANCE, draw_importance
from components.common.pictures import PICTURE, draw_evaluation
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN, Labelled
from components.common.verdict import Verdict
from components.fraud import XGBOOST
from components.fraud.boosting import Boosting, BoostingConfig
from components.fraud.decision import Policy
from components.fraud.features import MODEL_INPUT
from components.fraud.isolation_forest import ANOMALY

if TYPE_CHECKING:
    import pandas as pd

PURPOSE = "Is this payment the customer's own? The score is the probability that it is not."

LABELLED = Labelled(
    events="transactions",
    key="transaction_id",
    outcomes="outcomes",
    label=XGBOOST.label,
    entities=("user_id", "merchant_id"),
)


def train_candidate(frame: Path, out: Path, config: str) -> tuple[Verdict, dict[str, Metric]]:
    """Fill the artifact folder `out` from a frame; what the gates say, and the metrics.

    config: `BoostingConfig` as JSON. The test rows are scored by the exported artifact, not by the
    model that it was made from.
    """
    import pandas as pd

    rows = pd.read_parquet(frame / "frame.parquet")
    chosen = BoostingConfig.model_validate_json(config)
    splits = {name: rows[rows[SPLIT] == name] for name in (TRAIN, CALIBRATION, TEST)}
    model = _fit(chosen, splits[TRAIN], splits[CALIBRATION])
    model.export(out)
    Policy().write(out)
    scorer, test = Scorer.load(out), splits[TEST]
    score = scorer.score(matrix(test, scorer.inputs))
    measured = measure(test, score)
    metrics = evaluate(measured)
    metrics["artifact_max_difference"] = artifact_difference(model.predict_proba(test), score)
    metrics |= _alone(model, test)
    verdict = judge_gates(metrics, XGBOOST.gates)
    windows = json.loads((frame / "windows.json").read_text())
    counts = count_splits(rows, SPLIT, XGBOOST.label)
    Evidence(chosen.model_dump(), windows, counts, metrics, verdict).write(out)
    write_reference(out, scorer, pd.concat([splits[TRAIN], splits[CALIBRATION]]))
    write_sample(out, scorer, test, score)
    draw_evaluation(measured, out / PICTURE)
    draw_importance(_importance(model), out / IMPORTANCE)
    return verdict, metrics


def measure(test: pd.DataFrame, score: object) -> Scored:
    """Test rows with scores, ready to be measured: by user, and by day since the test began."""
    began = test["event_timestamp"].min()
    return scored(
        test[XGBOOST.label],
        score,  # type: ignore[arg-type]
        entity=test["user_id"],
        day=(test["event_timestamp"] - began).dt.days,
    )


def _fit(config: BoostingConfig, train: pd.DataFrame, calibration: pd.DataFrame) -> Boosting:
    inputs = list(MODEL_INPUT)
    return Boosting(config).fit(
        train[inputs],
        train[XGBOOST.label],
        calibration=(calibration[inputs], calibration[XGBOOST.label]),
    )


def _alone(model: Boosting, test: pd.DataFrame) -> dict[str, Metric]:
    """How well the isolation forest ranks by itself, without ever having seen a label."""
    anomaly = model.anomaly(test)
    if anomaly is None:
        return {}
    alone = evaluate(measure(test, anomaly))
    return {f"{ANOMALY}_{name}": alone[name] for name in ("roc_auc", "average_precision")}


def _importance(model: Boosting) -> dict[str, float]:
    """Total gain of the splits on each input."""
    gains = model.booster.get_score(importance_type="total_gain") if model.booster else {}
    named = {f"f{place}": name for place, name in enumerate((*model.inputs, ANOMALY))}
    return {named.get(key, key): float(gain) for key, gain in gains.items()}  # type: ignore[arg-type]
