"""The order that every training run has."""

from typing import Any, NamedTuple

from kfp import dsl

from components.common import steps
from components.common.domain import ModelSpec
from feature_repo import steps as features
from pipelines.common.arguments import CALIBRATION_DAYS, TEST_DAYS

Told = Any
"""What a step of a pipeline is told or gives, as KFP hands it on."""


class Outputs(NamedTuple):
    """What a training run gives."""

    version: str
    """Version of the candidate."""


def training_pipeline(
    spec: ModelSpec,
    description: str,
    days_of_training: int = 0,
    calibration_days: int = CALIBRATION_DAYS,
    test_days: int = TEST_DAYS,
) -> Any:
    """The pipeline from published features to a registered candidate; its module lists the steps.

    A model with members is trained on a frame with what these say. The days are the defaults of the
    windows, which its `Arguments` declare as well.
    """

    @dsl.pipeline(name=spec.name, description=description)
    def pipeline(
        config: str = "{}",
        cut_off: str = "",
        train_days: int = days_of_training,
        calibration_days: int = calibration_days,
        test_days: int = test_days,
        author: str = "pipeline",
    ) -> Outputs:
        now = steps.snapshot(cut_off=cut_off)
        now.set_caching_options(False)
        framed = features.training_frame(
            model=spec.name,
            cut_off=now.outputs["cut_off"],
            train_days=train_days,
            calibration_days=calibration_days,
            test_days=test_days,
            data_digest=now.outputs["data_digest"],
            code_digest=now.outputs["code_digest"],
        )
        return Outputs(_candidate(spec, now, framed.outputs["frame"], config, author))

    return pipeline


def _candidate(spec: ModelSpec, now: Told, frame: Told, config: Told, author: Told) -> Told:
    """From a frame to a registered candidate; its version."""
    data_digest, code_digest = now.outputs["data_digest"], now.outputs["code_digest"]
    if spec.members:
        frame = _asked(spec, code_digest, frame)
    trained = steps.train(model=spec.name, config=config, code_digest=code_digest, frame=frame)
    required = steps.require(verdict=trained.outputs["verdict"])
    registered = steps.register(
        model=spec.name,
        author=author,
        data_digest=data_digest,
        code_digest=code_digest,
        frame=frame,
        candidate=trained.outputs["candidate"],
    ).after(required)
    registered.set_caching_options(False)
    return registered.outputs["Output"]


def _asked(spec: ModelSpec, code_digest: Told, frame: Told) -> Told:
    """The frame with what each member of the model says of its rows."""
    standing = steps.standing_members(model=spec.name)
    standing.set_caching_options(False)
    asked = steps.ask_members(
        model=spec.name, standing=standing.output, code_digest=code_digest, frame=frame
    )
    return asked.outputs["asked"]
