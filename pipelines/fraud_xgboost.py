"""Fraud, gradient-boosted trees: from published features to a registered candidate.

1. snapshot         what there is to train on now: digests of data and code, the cut-off
2. training-frame   each labelled payment with the features of its time; train | gap | test
3. train            train, calibrate, export, evaluate the exported artifact, judge it by its gates
4. require          stop with the reasons where a gate failed; nothing is registered
5. register         compare with the champion on the same rows, model card, register the candidate

Snapshot and register always run. The frame and the model come from an earlier run where data, code
and arguments are the same.
"""

from components.fraud import XGBOOST
from components.fraud.boosting import BoostingConfig
from pipelines.common.arguments import TrainingArguments
from pipelines.common.training import training_pipeline


class Arguments(TrainingArguments, BoostingConfig):
    """What a run can be told: the windows, and everything that can be tuned."""


PIPELINE = training_pipeline(XGBOOST, "Train, evaluate and register a fraud model.")
