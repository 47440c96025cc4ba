"""Register a candidate: a run, its model with every file, a sealed version, a ledger entry."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.common.domain import ModelSpec
from components.common.errors import refused
from components.common.ledger import open_ledger
from components.common.mlflow_package import package
from components.common.mlflow_store import absent, uses_account
from components.common.records import Event
from components.common.sealing import Seal, seal
from components.common.settings import Settings
from components.common.verdict import Verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

CARD = "model_card.md"
_DESCRIPTION_LIMIT = 5000  # what MLflow keeps of a description
_VALUE_LIMIT = 6000  # what it keeps of a parameter
_SHOWN = "evaluation"
"""Folder of a run's artifacts for what people look at."""
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)/]+\.png)\)")


@dataclass(frozen=True)
class RunFacts:
    """What a training run says of itself when it registers its artifact."""

    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    """Name → value; bounds of an interval are metrics of their own (`roc_auc_low`)."""
    verdict: Verdict
    """What the gates said of the evaluated artifact."""
    data_digest: str
    code_digest: str
    comparison: Mapping[str, Any] = field(default_factory=dict)
    """The candidate against the champion on the same rows; empty where there was none."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Anything else worth finding a run by."""


def register(
    client: MlflowClient,
    settings: Settings,
    spec: ModelSpec,
    artifact: Path,
    *,
    run: RunFacts,
    actor: str,
) -> MlflowVersion:
    """Write all of it; the version comes last but one, so that a failure leaves none half-made.

    Raises what MLflow raises, and `FinloopError` from the packaging and the ledger.
    """
    _ensure_models(client, settings, spec)
    with _started(client, settings, spec, run, actor) as started, _scratch() as folder:
        model = _logged_model(client, spec, started, run)
        package(artifact, folder, run_id=started.info.run_id, model_id=model.model_id)
        sealed = seal(folder)
        client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, "READY")
        _show(client, started, artifact)
        version = client.create_model_version(
            name=spec.candidate,
            source=model.artifact_location,
            run_id=started.info.run_id,
            tags=_version_tags(spec, run, actor, sealed),
            description=_description(artifact, started.info.run_id),
            model_id=model.model_id,
        )
    _enter(settings, spec, str(version.version), run, actor, sealed)
    return version


def ensure_model(client: MlflowClient, name: str, description: str) -> None:
    """Make a registered model where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if not absent(error):
            raise
        client.create_registered_model(name, description=description)


def describe_production(spec: ModelSpec) -> str:
    """What the registry page of the production model says."""
    return (
        f"In production, by way of shadow and canary. Owner: {spec.owner}. "
        f"Its versions are copies of {spec.candidate}, each promoted by a named human."
    )


def _ensure_models(client: MlflowClient, settings: Settings, spec: ModelSpec) -> None:
    """Make the candidate model; the production model only where nobody needs an account.

    On a server with accounts whoever makes a model may write to it, and training must not.
    """
    text = f"Candidates of {spec.name}. Owner: {spec.owner}. Promote one to {spec.name}."
    ensure_model(client, spec.candidate, text)
    if not uses_account(settings):
        ensure_model(client, spec.name, describe_production(spec))


@contextmanager
def _started(
    client: MlflowClient, settings: Settings, spec: ModelSpec, run: RunFacts, actor: str
) -> Iterator[Run]:
    tags = {**_run_tags(spec, run, actor), "mlflow.user": actor}
    name = f"{spec.name} {datetime.now(UTC):%Y-%m-%d %H:%M}"
    experiment = _experiment(client, settings, spec.name)
    started = client.create_run(experiment, tags=tags, run_name=name)
    run_id = started.info.run_id
    try:
        yield started
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _logged_model(
    client: MlflowClient, spec: ModelSpec, started: Run, run: RunFacts
) -> LoggedModel:
    """The run's model, with its parameters and metrics on the model page as well."""
    from mlflow.entities import LoggedModelOutput, Metric, Param

    run_id = started.info.run_id
    params = {name: str(value)[:_VALUE_LIMIT] for name, value in run.params.items()}
    model = client.create_logged_model(
        started.info.experiment_id, name=spec.name, source_run_id=run_id, params=params
    )
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    now = int(datetime.now(UTC).timestamp() * 1000)
    metrics = [
        Metric(name, float(value), now, 0, model_id=model.model_id, run_id=run_id)
        for name, value in run.metrics.items()
        if isfinite(value)
    ]
    client.log_batch(run_id, metrics, [Param(name, value) for name, value in params.items()])
    return model


def _experiment(client: MlflowClient, settings: Settings, name: str) -> str:
    """The experiment of a model. The embedded store keeps its files under `home`."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    own = settings.mlflow_uri is not None
    location = None if own else (settings.mlflow / "artifacts" / name).as_uri()
    return client.create_experiment(name, artifact_location=location)


def _show(client: MlflowClient, started: Run, artifact: Path) -> None:
    """Put the model card and the pictures on the run's page too, where people look."""
    for path in sorted((*artifact.glob("*.png"), *artifact.glob(CARD))):
        client.log_artifact(started.info.run_id, str(path), _SHOWN)


def _run_tags(spec: ModelSpec, run: RunFacts, actor: str) -> dict[str, str]:
    return {
        **run.tags,
        "author": actor,
        "owner": spec.owner,
        "feature_service": spec.feature_service,
        "data_digest": run.data_digest,
        "code_digest": run.code_digest,
        "gate": "passed" if run.verdict.ok else "failed",
    }


def _version_tags(spec: ModelSpec, run: RunFacts, actor: str, sealed: Seal) -> dict[str, str]:
    return {**_run_tags(spec, run, actor), "digest": sealed.digest}


def _description(artifact: Path, run_id: str) -> str | None:
    """The model card as the registry page shows it, with the pictures that the run has."""
    if not (artifact / CARD).is_file():
        return None
    where = f"get-artifact?run_uuid={run_id}&path={_SHOWN}/"  # relative to the page, behind a proxy
    card = (artifact / CARD).read_text(encoding="utf-8")
    text = _PICTURE.sub(rf"![\1]({where}\2)", card)
    if len(text) <= _DESCRIPTION_LIMIT:
        return text
    cut = text[: _DESCRIPTION_LIMIT - 80].rsplit("\n", 1)[0]
    return f"{cut}\n\n(The rest is in {CARD} among the files of this version.)"


def _enter(
    settings: Settings, spec: ModelSpec, version: str, run: RunFacts, actor: str, sealed: Seal
) -> None:
    body = {
        "digest": sealed.digest,
        "files": sealed.files,
        "verdict": run.verdict.as_json(),
        "metrics": {name: value for name, value in run.metrics.items() if isfinite(value)},
        "data_digest": run.data_digest,
        "code_digest": run.code_digest,
        "comparison": dict(run.comparison),
    }
    now = datetime.now(UTC)
    with closing(open_ledger(settings)) as ledger:
        event = Event("candidate", spec.name, version, actor, now, version, body)
        if ledger.append([event]) != [True]:
            raise refused(
                "candidate_recorded",
                f"The ledger already holds another candidate {version} of {spec.name}, so this one "
                "cannot be approved; keep ledger and MLflow store together when resetting.",
            )


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="finloop-") as folder:
        yield Path(folder) / "model"
