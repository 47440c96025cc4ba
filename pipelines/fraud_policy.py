"""What is decided about a payment: from what the models said to a registered decision policy.

1. snapshot          what there is to learn from now: digests of data and code, the cut-off
2. training-frame    each labelled payment with the features of its time
3. standing-members  which version of each model stands now: in production, or the newest candidate
4. ask-members       what they say of payments whose outcome they did not know
5. train-policy      blend, thresholds and rules; evaluate and judge the artifact by its gates
6. require           stop with the reasons where a gate failed; nothing is registered
7. register          compare with the champion on the same rows, model card, register the candidate

Snapshot, standing-members and register always run.
"""

from pathlib import Path
from typing import NamedTuple

from kfp import dsl
from pydantic import Field, field_validator

from components.fraud import POLICY
from components.fraud import steps as fraud
from components.fraud.policy_training import PolicyConfig
from components.fraud.rules.ruleset import RuleSet
from pipelines.common.arguments import TrainingArguments
from pipelines.common.training import train_and_register


class Arguments(TrainingArguments, PolicyConfig):
    """What a run can be told: the windows, and what people decide about decisions."""

    train_days: int = Field(default=1, ge=1)
    """Days before the calibration; the members have learnt from them, so nothing comes of them."""

    @field_validator("rules")
    @classmethod
    def _text_of(cls, name: str) -> str:
        """The text of the rule file of that name, checked before anything runs."""
        if not name:
            return ""
        RuleSet.read(Path(name))
        return Path(name).read_text(encoding="utf-8")


class Outputs(NamedTuple):
    """What a run gives."""

    version: str
    """Version of the candidate."""


@dsl.pipeline(name=POLICY.name, description="Make, evaluate and register a decision policy.")
def PIPELINE(  # noqa: N802 - the name by which the launcher finds it
    config: str = "{}",
    cut_off: str = "",
    train_days: int = 1,
    calibration_days: int = 7,
    test_days: int = 7,
    author: str = "pipeline",
) -> Outputs:
    """See the list at the top of this module."""
    version = train_and_register(
        POLICY.name,
        fraud.train_policy,
        config=config,
        cut_off=cut_off,
        train_days=train_days,
        calibration_days=calibration_days,
        test_days=test_days,
        author=author,
    )
    return Outputs(version)
