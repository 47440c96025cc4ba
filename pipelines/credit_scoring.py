"""Credit: from published features to a registered candidate.

1. snapshot         what there is to train on now: digests of data and code, the cut-off
2. training-frame   each application whose end is known, with the features of its time, by time
3. train            train, calibrate, export, evaluate the exported artifact, judge it by its gates
4. require          stop with the reasons where a gate failed; nothing is registered
5. register         compare with the champion on the same rows, model card, register the candidate

Snapshot and register always run. The frame and the model come from an earlier run where data, code
and arguments are the same. Loans are few and end late, so that the windows are months.
"""

from pydantic import Field

from components.credit import SCORING
from components.credit.training import ScoringConfig
from pipelines.common.arguments import TrainingArguments
from pipelines.common.training import training_pipeline

_CALIBRATION, _TEST = 30, 45


class Arguments(TrainingArguments, ScoringConfig):
    """What a run can be told: the windows, and everything that can be tuned."""

    calibration_days: int = Field(default=_CALIBRATION, ge=1)
    """Days before the gap on which candidates are compared and the probability is calibrated."""
    test_days: int = Field(default=_TEST, ge=1)
    """Days on which the candidate is evaluated."""


PIPELINE = training_pipeline(
    SCORING,
    "Train, evaluate and register a credit model.",
    calibration_days=_CALIBRATION,
    test_days=_TEST,
)
