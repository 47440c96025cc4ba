"""Fraud, a network over sequences: from published features to a registered candidate.

1. snapshot         what there is to train on now: digests of data and code, the cut-off
2. training-frame   each labelled payment with the features of its time, and those before it
3. train-lstm       train, calibrate, export, evaluate the exported artifact, judge it by its gates
4. require          stop with the reasons where a gate failed; nothing is registered
5. register         compare with the champion on the same rows, model card, register the candidate

Snapshot and register always run. The frame and the model come from an earlier run where data, code
and arguments are the same.
"""

from typing import NamedTuple

from kfp import dsl

from components.fraud import LSTM
from components.fraud import steps as fraud
from components.fraud.sequence import SequenceConfig
from pipelines.common.arguments import TrainingArguments
from pipelines.common.training import train_and_register


class Arguments(TrainingArguments, SequenceConfig):
    """What a run can be told: the windows, and everything that can be tuned."""


class Outputs(NamedTuple):
    """What a run gives."""

    version: str
    """Version of the candidate."""


@dsl.pipeline(name=LSTM.name, description="Train, evaluate and register a sequence model of fraud.")
def PIPELINE(  # noqa: N802 - the name by which the launcher finds it
    config: str = "{}",
    cut_off: str = "",
    train_days: int = 0,
    calibration_days: int = 7,
    test_days: int = 7,
    author: str = "pipeline",
) -> Outputs:
    """See the list at the top of this module."""
    version = train_and_register(
        LSTM.name,
        fraud.train_lstm,
        config=config,
        cut_off=cut_off,
        train_days=train_days,
        calibration_days=calibration_days,
        test_days=test_days,
        author=author,
    )
    return Outputs(version)
