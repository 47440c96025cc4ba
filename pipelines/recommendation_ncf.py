"""Recommendation: from published features to a registered candidate.

1. snapshot         what there is to train on now: digests of data and code, the cut-off
2. training-frame   who paid at which merchant, split by time; what was known when the test began
3. train            train, export, evaluate the exported artifact with baselines, judge it by gates
4. require          stop with the reasons where a gate failed; nothing is registered
5. register         compare with the champion on the same customers, model card, register

Snapshot and register always run. The frame and the model come from an earlier run where data, code
and arguments are the same.
"""

from components.recommendation import NCF
from components.recommendation.learning import LearningConfig
from pipelines.common.arguments import TrainingArguments
from pipelines.common.training import training_pipeline


class Arguments(TrainingArguments, LearningConfig):
    """What a run can be told: the windows, and everything that can be tuned."""


PIPELINE = training_pipeline(NCF, "Train, evaluate and register a recommendation model.")
