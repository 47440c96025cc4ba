"""What a run of a pipeline can be told with `--set name=value`."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

CALIBRATION_DAYS, TEST_DAYS = 7, 7
"""Windows of a model whose pipeline says nothing else."""


class RunArguments(BaseModel):
    """Arguments of a run. Each pipeline module has its own, as `Arguments`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_parameters(self) -> dict[str, Any]:
        """The same as parameters of the KFP pipeline."""
        return self.model_dump(mode="json")


class TrainingArguments(RunArguments):
    """What every training run can be told; a pipeline adds the configuration of its model."""

    cut_off: datetime | None = None
    """Labels that became known later do not count; by default the newest moment of the lake."""
    train_days: int = Field(default=0, ge=0)
    """Days before the calibration that are trained on; 0 takes all there are."""
    calibration_days: int = Field(default=CALIBRATION_DAYS, ge=1)
    """Days before the gap on which the probability is calibrated."""
    test_days: int = Field(default=TEST_DAYS, ge=1)
    """Days on which the candidate is evaluated."""
    author: str = Field(default_factory=getpass.getuser, min_length=1)
    """Who answers for the candidate; somebody else has to approve it."""

    def as_parameters(self) -> dict[str, Any]:
        """What can be tuned becomes one parameter, `config`."""
        tuned = set(type(self).model_fields) - set(TrainingArguments.model_fields)
        return {
            "config": self.model_dump_json(include=tuned),
            "cut_off": _utc(self.cut_off).isoformat() if self.cut_off else "",
            "train_days": self.train_days,
            "calibration_days": self.calibration_days,
            "test_days": self.test_days,
            "author": self.author,
        }


def _utc(moment: datetime) -> datetime:
    """A moment without a time zone is meant in UTC, as everywhere."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
