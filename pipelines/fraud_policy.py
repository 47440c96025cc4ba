"""Fraud, what is decided: from what the models said to a registered decision policy.

1. snapshot          what there is to learn from now: digests of data and code, the cut-off
2. training-frame    each labelled payment with the features of its time
3. standing-members  which version of each model stands now: in production, or the newest candidate
4. ask-members       what they say of payments whose outcome they did not know
5. train             blend, thresholds and rules; evaluate and judge the artifact by its gates
6. require           stop with the reasons where a gate failed; nothing is registered
7. register          compare with the champion on the same rows, model card, register the candidate

Snapshot, standing-members and register always run.
"""

from pathlib import Path

from pydantic import Field, field_validator

from components.fraud import POLICY
from components.fraud.policy_training import PolicyConfig
from components.fraud.rules.ruleset import RuleSet
from pipelines.common.arguments import TrainingArguments
from pipelines.common.training import training_pipeline

_DAYS = 1
"""Days before the calibration; the members have learnt from them, so nothing comes of them."""


class Arguments(TrainingArguments, PolicyConfig):
    """What a run can be told: the windows, and what people decide about decisions."""

    train_days: int = Field(default=_DAYS, ge=1)

    @field_validator("rules")
    @classmethod
    def _text_of(cls, name: str) -> str:
        """The text of the rule file of that name, checked before anything runs."""
        if not name:
            return ""
        RuleSet.read(Path(name))
        return Path(name).read_text(encoding="utf-8")


PIPELINE = training_pipeline(POLICY, "Make, evaluate and register a decision policy.", _DAYS)
