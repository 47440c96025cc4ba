"""The order that every training run has, around the one step that is a model's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from components import find_model
from components.common import steps
from feature_repo import steps as features

Told = Any
"""An argument of a pipeline, as KFP hands it on."""


def train_and_register(
    model: str,
    train: Callable[..., Any],
    *,
    config: Told,
    cut_off: Told,
    train_days: Told,
    calibration_days: Told,
    test_days: Told,
    author: Told,
) -> Any:
    """Wire the steps of a training run inside a pipeline; the version of the candidate.

    `train` is a KFP step of (config, code_digest, frame) that gives `candidate` and `verdict`.
    """
    now = steps.snapshot(cut_off=cut_off)
    now.set_caching_options(False)
    data_digest, code_digest = now.outputs["data_digest"], now.outputs["code_digest"]
    framed = features.training_frame(
        model=model,
        cut_off=now.outputs["cut_off"],
        train_days=train_days,
        calibration_days=calibration_days,
        test_days=test_days,
        data_digest=data_digest,
        code_digest=code_digest,
    )
    frame = framed.outputs["frame"]
    if find_model(model)[1].members:
        frame = _asked(model, code_digest, frame)
    trained = train(config=config, code_digest=code_digest, frame=frame)
    required = steps.require(verdict=trained.outputs["verdict"])
    registered = steps.register(
        model=model,
        author=author,
        data_digest=data_digest,
        code_digest=code_digest,
        frame=frame,
        candidate=trained.outputs["candidate"],
    ).after(required)
    registered.set_caching_options(False)
    return registered.outputs["Output"]


def _asked(model: str, code_digest: Told, frame: Told) -> Any:
    """The frame with what each member of the model says of its rows."""
    standing = steps.standing_members(model=model)
    standing.set_caching_options(False)
    asked = steps.ask_members(
        model=model, standing=standing.output, code_digest=code_digest, frame=frame
    )
    return asked.outputs["asked"]
