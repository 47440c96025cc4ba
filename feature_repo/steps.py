"""KFP steps around the feature store: build, publish, and look up as of the time of each event."""

from kfp.dsl import Dataset, Input, Output

from components.common.steps import step


@step
def build_features(
    data_digest: str,
    code_digest: str,
    timezone: str,
    refresh_hours: int,
    tables: Output[Dataset],
) -> None:
    """The feature tables of every domain from the lake."""
    from pathlib import Path

    from components.common.feature_tables import build
    from components.common.settings import load_settings
    from components.common.step_report import reported

    with reported():
        digests = (data_digest, code_digest)
        build(load_settings().lake, Path(tables.path), *digests, timezone, refresh_hours)


@step
def publish_features(tables: Input[Dataset]) -> str:
    """Make these tables the installation's, tell Feast, and fill the online store."""
    from pathlib import Path

    from components.common.settings import load_settings
    from components.common.step_report import reported
    from feature_repo.publish import publish

    with reported():
        return publish(load_settings(), Path(tables.path))


@step
def training_frame(
    model: str,
    cut_off: str,
    train_days: int,
    calibration_days: int,
    test_days: int,
    data_digest: str,
    code_digest: str,
    frame: Output[Dataset],
) -> None:
    """Each labelled event with the features that were known at its time, split by time."""
    from pathlib import Path

    from components.common.settings import load_settings
    from components.common.step_report import reported
    from feature_repo.frames import write_frame

    with reported():
        days = (train_days, calibration_days, test_days)
        write_frame(load_settings(), model, cut_off, days, data_digest, Path(frame.path))


@step
def list_everybody() -> int:
    """What the champion recommends to every customer, into the online store; how many customers."""
    from components.common.settings import load_settings
    from components.common.step_report import reported
    from feature_repo.recommendation_lists import list_everybody as make

    with reported():
        return make(load_settings())
