"""Compile a pipeline for Kubeflow, and hand it to an endpoint.

What a container runs with comes from the cluster, never from the caller, so that no secret is ever
in a package or a request:

- image: `FINLOOP_IMAGE` of the caller, for every step;
- a volume claim `finloop-home`, mounted at `/finloop`: lake, features, Feast, ledger. It is the
  `FINLOOP_HOME` of the container, which is the only setting that a package holds;
- a secret `finloop`: each key is the environment variable of the same name (`FROM_SECRET`); those
  that are missing keep their defaults. The address of MLflow belongs there, with its credentials.

`deploy/` holds the manifests. The endpoint is `FINLOOP_KFP_HOST`; `FINLOOP_KFP_TOKEN` and
`FINLOOP_KFP_NAMESPACE` go with the request only.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from components.common.errors import FinloopError, unavailable
from components.common.settings import Settings
from pipelines.common.results import RunResult

HOME = "/finloop"
CLAIM = "finloop-home"
SECRET = "finloop"  # noqa: S105 - the name of a Kubernetes secret
FROM_SECRET = (
    "FINLOOP_MLFLOW_URI",
    "FINLOOP_PSEUDONYM_KEY",
    "FINLOOP_TIMEZONE",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
)


def write_package(pipeline: Callable[..., Any], path: Path, settings: Settings) -> Path:
    """Write the Kubeflow package of a pipeline: its spec, and what its containers need."""
    from kfp import compiler

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="finloop-") as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = Path(scratch) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(plain))  # type: ignore[arg-type]
        spec = yaml.safe_load(plain.read_text())
    executors = spec["deploymentSpec"]["executors"]
    for executor in executors.values():
        executor["container"]["image"] = settings.image
        executor["container"]["env"] = [{"name": "FINLOOP_HOME", "value": HOME}]
    platform = {"kubernetes": {"deploymentSpec": {"executors": {n: _pod() for n in executors}}}}
    path.write_text(yaml.safe_dump_all([spec, {"platforms": platform}], sort_keys=False))
    return path


def submit(
    name: str, pipeline: Callable[..., Any], arguments: dict[str, Any], settings: Settings
) -> RunResult:
    """Start a run on the endpoint of the settings; where to watch it.

    Raises `FinloopError("kubeflow_…")` where there is no endpoint, or it does not take the run.
    """
    if settings.kfp_host is None:
        raise unavailable(
            "kubeflow_host", "No Kubeflow endpoint is known; set FINLOOP_KFP_HOST to its address."
        )
    token = settings.kfp_token.get_secret_value() if settings.kfp_token else None
    with tempfile.TemporaryDirectory(prefix="finloop-") as scratch, _talking_to(settings):
        from kfp import Client

        package = write_package(pipeline, Path(scratch) / f"{name}.yaml", settings)
        client = Client(
            host=settings.kfp_host,
            existing_token=token,
            namespace=settings.kfp_namespace or "kubeflow",
        )
        started = client.create_run_from_pipeline_package(
            str(package),
            arguments=arguments,
            run_name=f"{name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            experiment_name=name,
            namespace=settings.kfp_namespace,
        )
    run_id = str(started.run_id)
    link = f"{settings.kfp_host.rstrip('/')}/#/runs/details/{run_id}"
    return RunResult(name, True, run_id, link=link)


def _pod() -> dict[str, Any]:
    """What Kubernetes gives a step: the shared volume, and settings from the secret."""
    return {
        "pvcMount": [{"constant": CLAIM, "mountPath": HOME}],
        "secretAsEnv": [
            {
                "secretName": SECRET,
                "keyToEnv": [{"secretKey": name, "envVar": name} for name in FROM_SECRET],
                "optional": True,
            }
        ],
    }


@contextmanager
def _talking_to(settings: Settings) -> Iterator[None]:
    """Keep KFP quiet, and turn what it raises into one sentence without what was sent."""
    from kfp_server_api.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        with redirect_stdout(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger("urllib3").setLevel(logging.ERROR)
            yield
    except ApiException as error:
        raise _not_taken(settings, f"{error.status} {error.reason}") from error
    except (HTTPError, OSError) as error:
        raise _not_taken(settings, type(error).__name__) from error


def _not_taken(settings: Settings, why: str) -> FinloopError:
    return unavailable(
        "kubeflow_unavailable",
        f"{settings.kfp_host} did not take the run ({why}); check the address of Kubeflow, "
        "FINLOOP_KFP_TOKEN and FINLOOP_KFP_NAMESPACE.",
    )
