"""Fraud, gradient-boosted trees: from published features to a registered candidate.

1. snapshot         what there is to train on now: digests of data and code, the cut-off
2. training-frame   each labelled payment with the features of its time; train | gap | test
3. train-xgboost    train, calibrate, export, evaluate the exported artifact, judge it by its gates
4. require          stop with the reasons where a gate failed; nothing is registered
5. register         compare with the champion on the same rows, model card, register the candidate

Snapshot and register always run. The frame and the model come from an earlier run where data, code
and arguments are the same.
"""

import getpass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kfp import dsl
from pydantic import Field

from components.common import steps
from components.fraud import XGBOOST
from components.fraud import steps as fraud
from components.fraud.boosting import BoostingConfig
from feature_repo import steps as features
from pipelines.common.arguments import RunArguments


class Arguments(RunArguments, BoostingConfig):
    """What a run can be told: the windows, and everything that can be tuned."""

    cut_off: datetime | None = None
    """Labels that became known later do not count; by default the newest moment of the lake."""
    train_days: int = Field(default=0, ge=0)
    """Days before the calibration that are trained on; 0 takes all there are."""
    calibration_days: int = Field(default=7, ge=1)
    """Days before the gap on which the probability is calibrated."""
    test_days: int = Field(default=7, ge=1)
    """Days on which the candidate is evaluated."""
    author: str = Field(default_factory=getpass.getuser, min_length=1)
    """Who answers for the candidate; somebody else has to approve it."""

    def as_parameters(self) -> dict[str, Any]:
        """What can be tuned becomes one parameter, `config`."""
        tuned = BoostingConfig(**self.model_dump(include=set(BoostingConfig.model_fields)))
        return {
            "config": tuned.model_dump_json(),
            "cut_off": _utc(self.cut_off).isoformat() if self.cut_off else "",
            "train_days": self.train_days,
            "calibration_days": self.calibration_days,
            "test_days": self.test_days,
            "author": self.author,
        }


class Outputs(NamedTuple):
    """What a run gives."""

    version: str
    """Version of the candidate."""


@dsl.pipeline(name=XGBOOST.name, description="Train, evaluate and register a fraud model.")
def PIPELINE(  # noqa: N802 - the name by which the launcher finds it
    config: str = "{}",
    cut_off: str = "",
    train_days: int = 0,
    calibration_days: int = 7,
    test_days: int = 7,
    author: str = "pipeline",
) -> Outputs:
    """See the list at the top of this module."""
    now = steps.snapshot(cut_off=cut_off)
    now.set_caching_options(False)
    data_digest, code_digest = now.outputs["data_digest"], now.outputs["code_digest"]
    framed = features.training_frame(
        model=XGBOOST.name,
        cut_off=now.outputs["cut_off"],
        train_days=train_days,
        calibration_days=calibration_days,
        test_days=test_days,
        data_digest=data_digest,
        code_digest=code_digest,
    )
    trained = fraud.train_xgboost(
        config=config, code_digest=code_digest, frame=framed.outputs["frame"]
    )
    required = steps.require(verdict=trained.outputs["verdict"])
    registered = steps.register(
        model=XGBOOST.name,
        author=author,
        data_digest=data_digest,
        code_digest=code_digest,
        frame=framed.outputs["frame"],
        candidate=trained.outputs["candidate"],
    ).after(required)
    registered.set_caching_options(False)
    return Outputs(registered.outputs["Output"])


def _utc(moment: datetime) -> datetime:
    """A moment without a time zone is meant in UTC, as everywhere."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
