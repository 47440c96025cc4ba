"""KFP steps that every domain shares.

A step that changes anything but its own artifacts is never cached (the pipelines say so), and every
cached one takes digests of the data and of our code, which KFP cannot see.
"""

from functools import partial
from typing import Any, NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Markdown, Metrics, Model, Output

IMAGE = "finloop:latest"
"""Stands for `Settings.image`, which a compiled package has in its place."""

step: Any = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
"""Makes a function a KFP component in our own image, with nothing installed when it starts."""


@step
def ingest(source: str, mapping: str, include_ledger: bool, report: Output[Artifact]) -> NamedTuple(
    "Taken",
    [("data_digest", str), ("code_digest", str), ("timezone", str), ("refresh_hours", int)],
):  # type: ignore[valid-type]
    """Foreign files and served decisions become rows of the lake; what the next steps go by."""
    from pathlib import Path

    from components.common.intake import take_in
    from components.common.provenance import code_digest
    from components.common.settings import load_settings
    from components.common.step_report import reported

    with reported():
        settings = load_settings()
        digest = take_in(settings, source, mapping, include_ledger, Path(report.path))
        return (digest, code_digest(), settings.timezone, settings.refresh_hours)


@step
def validate(
    data_digest: str, code_digest: str, verdict: Output[Artifact], docs: Output[HTML]
) -> None:
    """Every domain's suites on the lake: a verdict with reasons, and data docs."""
    from pathlib import Path

    from components.common.intake import judge_lake
    from components.common.settings import load_settings
    from components.common.step_report import reported

    with reported():
        judge_lake(load_settings(), data_digest, Path(verdict.path), Path(docs.path))


@step
def require(verdict: Input[Artifact]) -> None:
    """Go on only where the verdict is yes; its reasons are those of the failed run."""
    from pathlib import Path

    from components.common.step_report import reported
    from components.common.verdict_file import require_yes

    with reported():
        require_yes(Path(verdict.path))


@step
def snapshot(
    cut_off: str,
) -> NamedTuple("State", [("data_digest", str), ("code_digest", str), ("cut_off", str)]):  # type: ignore[valid-type]
    """What there is to train on now: digests of data and code, and until when labels count.

    Fails where the registry is out of reach: better now than after the training.
    """
    from components.common.feature_tables import current
    from components.common.mlflow_store import knock
    from components.common.provenance import code_digest
    from components.common.settings import load_settings
    from components.common.step_report import reported

    with reported():
        knock(load_settings())
        made = current(load_settings())
        return (made.data_digest, code_digest(), cut_off or made.as_of)


@step
def standing_members(model: str) -> str:
    """Which version of each member of a model stands now."""
    from components.common.members import standing_members as told
    from components.common.settings import load_settings
    from components.common.step_report import reported

    with reported():
        return told(load_settings(), model)


@step
def ask_members(
    model: str,
    standing: str,
    code_digest: str,
    frame: Input[Dataset],
    asked: Output[Dataset],
) -> None:
    """What each member says of the calibration and test rows, as long as it did not know them."""
    from pathlib import Path

    from components.common.members import ask_members as ask
    from components.common.settings import load_settings
    from components.common.step_report import reported

    with reported():
        ask(load_settings(), model, standing, Path(frame.path), Path(asked.path))


@step
def train(
    model: str,
    config: str,
    code_digest: str,
    frame: Input[Dataset],
    candidate: Output[Model],
    verdict: Output[Artifact],
    metrics: Output[Metrics],
) -> None:
    """Train, calibrate, export, evaluate the exported artifact, and judge it by its gates."""
    from pathlib import Path

    from components.common.candidate import make_candidate
    from components.common.evidence import write_values
    from components.common.step_report import reported
    from components.common.verdict_file import write_verdict

    with reported():
        folders = (Path(frame.path), Path(candidate.path))
        judged, measured = make_candidate(model, *folders, config)
        write_verdict(judged, Path(verdict.path))
        # KFP shows what is in the metadata, and caches no artifact without a file
        metrics.metadata.update(write_values(Path(metrics.path), measured))


@step
def register(
    model: str,
    author: str,
    data_digest: str,
    code_digest: str,
    frame: Input[Dataset],
    candidate: Input[Model],
    card: Output[Markdown],
) -> str:
    """Compare with the champion on the test rows, write the model card, register the candidate."""
    from pathlib import Path

    from components.common.candidate import Origin, register_candidate
    from components.common.settings import load_settings
    from components.common.step_report import reported

    with reported():
        origin = Origin(author, data_digest, code_digest)
        folders = (Path(frame.path), Path(candidate.path))
        return register_candidate(load_settings(), model, *folders, Path(card.path), origin)
