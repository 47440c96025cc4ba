"""From a training frame to a judged candidate of fraud-lstm."""

from __future__ import annotations

from pathlib import Path

from components.common.evaluation import Metric
from components.common.frame import Frame, read_frame
from components.common.judging import Made
from components.common.training_data import CALIBRATION, TEST, TRAIN
from components.common.verdict import Verdict
from components.fraud import LABEL, LSTM
from components.fraud.sequence import Sequence, SequenceConfig
from components.fraud.sequence_steps import STEP
from components.fraud.training import judge_candidate


def train_candidate(frame: Path, out: Path, config: str) -> tuple[Verdict, dict[str, Metric]]:
    """Fill the artifact folder `out` from a frame; what the gates say, and the metrics.

    config: `SequenceConfig` as JSON.
    """
    rows, chosen = read_frame(frame), SequenceConfig.model_validate_json(config)
    model = _fit(chosen, rows)
    model.export(out)
    expected = model.predict_sequences(rows.sequences(STEP, TEST))
    made = Made(chosen.model_dump(), expected, held_out=model.held_out)
    return judge_candidate(LSTM, rows, out, made)


def _fit(config: SequenceConfig, rows: Frame) -> Sequence:
    """Fitted on sequences gathered by number: no row is copied for the rows after it."""
    train, later = (
        (rows.sequences(STEP, split), rows.rows[LABEL][rows.mask(split)].astype(bool))
        for split in (TRAIN, CALIBRATION)
    )
    return Sequence(config).fit_sequences(STEP, *train, calibration=later)
