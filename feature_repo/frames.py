"""The training frame of a model, from the lake and the feature store of an installation."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from pathlib import Path

from components import find_model
from components.common import frame
from components.common.domain import Domain, ModelSpec
from components.common.errors import refused
from components.common.feature_tables import current
from components.common.settings import Settings
from components.common.training_data import (
    SPLIT,
    Labelled,
    Windows,
    labelled_events,
    point_in_time,
    with_past,
)
from feature_repo.frame_parity import require_parity


def write_frame(
    settings: Settings,
    model: str,
    cut_off: str,
    days: tuple[int, int, int],
    data_digest: str,
    into: Path,
) -> None:
    """Write the frame of a model into a folder, with the windows it was split by.

    cut_off: ISO 8601; labels known later do not count. days: of training (0 is all), of calibration
    and of test. The domain's `LABELLED` says where its rows come from; one whose rows are no
    labelled events writes its own, by `write_frame(settings, windows, into)` in its training
    module. Raises `FinloopError` where the features are not those of `data_digest`, or not those
    that the service would see.
    """
    domain, spec = find_model(model)
    training = import_module(f"components.{domain.name}.training")
    if current(settings).data_digest != data_digest:
        raise refused("features_replaced", "The features were replaced meanwhile; run it again.")
    windows = Windows.before(
        datetime.fromisoformat(cut_off),
        spec.label_delay,
        train_days=days[0],
        calibration_days=days[1],
        test_days=days[2],
    )
    if hasattr(training, "write_frame"):
        training.write_frame(settings, windows, into)
    else:
        _write_events(settings, domain, spec, training.LABELLED, windows, into)


def _write_events(
    settings: Settings,
    domain: Domain,
    spec: ModelSpec,
    source: Labelled,
    windows: Windows,
    into: Path,
) -> None:
    """Each labelled event with the features of its time, and those before it."""
    from feature_repo.store import open_store

    events, previous = labelled_events(settings.lake, source, windows), None
    if spec.lags:
        events, previous = with_past(settings.lake, source, events, spec.lags)
    keep = (source.key, *source.entities, "event_timestamp", spec.label, SPLIT)
    rows = point_in_time(open_store(settings), spec.feature_service, events, keep)
    require_parity(settings, domain, rows, previous)
    frame.write_frame(into, rows, previous, windows.as_json())
