"""KFP steps of fraud."""

from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.common.steps import step


@step
def train_xgboost(
    config: str,
    code_digest: str,
    frame: Input[Dataset],
    candidate: Output[Model],
    verdict: Output[Artifact],
    metrics: Output[Metrics],
) -> None:
    """Train, calibrate, export, evaluate the exported artifact, and judge it by its gates."""
    from pathlib import Path

    from components.common.evidence import write_values
    from components.common.step_report import reported
    from components.common.verdict_file import write_verdict
    from components.fraud.boosting_training import train_candidate

    with reported():
        judged, measured = train_candidate(Path(frame.path), Path(candidate.path), config)
        write_verdict(judged, Path(verdict.path))
        # KFP shows what is in the metadata, and caches no artifact without a file
        metrics.metadata.update(write_values(Path(metrics.path), measured))


@step
def train_lstm(
    config: str,
    code_digest: str,
    frame: Input[Dataset],
    candidate: Output[Model],
    verdict: Output[Artifact],
    metrics: Output[Metrics],
) -> None:
    """Train, calibrate, export, evaluate the exported artifact, and judge it by its gates."""
    from pathlib import Path

    from components.common.evidence import write_values
    from components.common.step_report import reported
    from components.common.verdict_file import write_verdict
    from components.fraud.sequence_training import train_candidate

    with reported():
        judged, measured = train_candidate(Path(frame.path), Path(candidate.path), config)
        write_verdict(judged, Path(verdict.path))
        metrics.metadata.update(write_values(Path(metrics.path), measured))


@step
def train_policy(
    config: str,
    code_digest: str,
    frame: Input[Dataset],
    candidate: Output[Model],
    verdict: Output[Artifact],
    metrics: Output[Metrics],
) -> None:
    """Blend what the members said, set the thresholds, check the rules, and judge it all."""
    from pathlib import Path

    from components.common.evidence import write_values
    from components.common.step_report import reported
    from components.common.verdict_file import write_verdict
    from components.fraud.policy_training import train_candidate

    with reported():
        judged, measured = train_candidate(Path(frame.path), Path(candidate.path), config)
        write_verdict(judged, Path(verdict.path))
        metrics.metadata.update(write_values(Path(metrics.path), measured))
