"""From a training frame to a judged candidate of fraud-xgboost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.common.evaluation import Metric, evaluate
from components.common.frame import Frame, read_frame
from components.common.judging import Made
from components.common.training_data import CALIBRATION, TEST, TRAIN
from components.common.verdict import Verdict
from components.fraud import LABEL, XGBOOST
from components.fraud.boosting import Boosting, BoostingConfig
from components.fraud.features import MODEL_INPUT
from components.fraud.isolation_forest import ANOMALY
from components.fraud.training import judge_candidate, measure

if TYPE_CHECKING:
    import pandas as pd


def train_candidate(frame: Path, out: Path, config: str) -> tuple[Verdict, dict[str, Metric]]:
    """Fill the artifact folder `out` from a frame; what the gates say, and the metrics.

    config: `BoostingConfig` as JSON.
    """
    rows, chosen = read_frame(frame), BoostingConfig.model_validate_json(config)
    model = _fit(chosen, rows)
    model.export(out)
    test = rows.widened((), TEST)
    made = Made(
        chosen.model_dump(),
        model.predict_proba(test),
        _alone(model, test),
        _importance(model),
        model.held_out,
    )
    return judge_candidate(XGBOOST, rows, out, made)


def _fit(config: BoostingConfig, rows: Frame) -> Boosting:
    train, later = (rows.widened((), split) for split in (TRAIN, CALIBRATION))
    inputs = list(MODEL_INPUT)
    return Boosting(config).fit(
        train[inputs], train[LABEL], calibration=(later[inputs], later[LABEL])
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
