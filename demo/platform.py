"""Everything that runs: the MLflow server, the Evidently UI and the services, on loopback."""

from __future__ import annotations

import hashlib
import re
import secrets
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.common.environment import as_environment
from components.common.errors import unavailable
from components.common.mlflow_server import server_command
from components.common.processes import Process, Supervisor, answers, free_port, wait
from components.common.settings import TELEMETRY_OFF, Settings
from serving.common.manifest import read_manifest

CALLER = "demo"
"""Name of the caller whose API key is drawn for the occasion."""


@dataclass(frozen=True)
class Address:
    """Where something answers and what it shows."""

    name: str
    url: str
    shows: str


def with_api_key(settings: Settings) -> tuple[Settings, str]:
    """The settings with one more caller, and the key that this caller sends."""
    key = secrets.token_urlsafe(24)
    known = {**settings.api_keys, CALLER: hashlib.sha256(key.encode()).hexdigest()}
    return settings.model_copy(update={"api_keys": known}), key


def start_mlflow(supervisor: Supervisor, settings: Settings) -> tuple[Settings, Process | None]:
    """Start the MLflow server without waiting; the settings of its clients, and the process.

    Where the settings name a server of one's own, that one is used.
    """
    if settings.mlflow_uri:
        return settings, None
    command = server_command(settings, free_port(settings.mlflow_port))
    process = supervisor.start(
        "mlflow", command.argv, env=command.environment, log=settings.logs / "mlflow.log"
    )
    supervisor.announce(process, command.address, "/health", settings.running)
    return settings.model_copy(update={"mlflow_uri": command.address}), process


def await_mlflow(settings: Settings, process: Process | None) -> None:
    """Wait until the MLflow server that was started answers."""
    if process is not None:
        wait(process, f"{settings.mlflow_uri}/health")


def await_end(process: Process) -> None:
    """Wait until a process that ends by itself has ended; raises `FinloopError` where it failed."""
    if process.popen.wait() != 0:
        raise unavailable(
            "process_failed",
            f"{process.name} ended with status {process.popen.returncode}; its output is in "
            f"{process.log}.",
        )


def start_evidently(supervisor: Supervisor, settings: Settings) -> str:
    """Start the Evidently UI over the workspace of the drift reports; its address."""
    settings.evidently.mkdir(parents=True, exist_ok=True)
    port = free_port(settings.evidently_port)
    address = f"http://127.0.0.1:{port}"
    program = str(Path(sys.executable).parent / "evidently")
    options = ("--host", "127.0.0.1", "--port", str(port), "--workspace", str(settings.evidently))
    process = supervisor.start(
        "evidently",
        (program, "ui", *options),
        env=TELEMETRY_OFF,
        log=settings.logs / "evidently.log",
        ready=address,
    )
    supervisor.announce(process, address, "/api/version", settings.running)
    return address


def start_controller(supervisor: Supervisor, settings: Settings) -> None:
    """Start the rollout controller: what is approved goes out by itself."""
    supervisor.start(
        "rollout",
        (sys.executable, "-m", "finloop", "rollout", "step", "--every", "2"),
        env=as_environment(settings),
        log=settings.logs / "rollout.log",
    )


def await_release(
    services: Sequence[Process],
    settings: Settings,
    address: str,
    model: str,
    champion: str,
    stage: str,
) -> None:
    """Wait until the services answer with that champion, and that stage of a challenger.

    `stage` is empty where no challenger is wanted.
    """

    def seen() -> str:
        """Empty once all is as wanted, and otherwise how it is."""
        manifest = read_manifest(settings.serving)
        deployed = manifest.models.get(model) if manifest else None
        if manifest is None or deployed is None or deployed.champion is None:
            return f"no {model} is deployed"
        if (deployed.champion.version, deployed.stage or "") != (champion, stage):
            return f"deployed is {deployed.champion.version} {deployed.stage or ''}".rstrip()
        served = generation_served(address)
        same = served == manifest.generation
        return "" if same else f"they answer with release {served} of {manifest.generation}"

    wanted = f"{model} {champion} {stage}".rstrip()
    wait(services[-1], lambda: not seen(), what=lambda: f"to answer with {wanted}: {seen()}")


def generation_served(address: str) -> int:
    """Generation of the manifest that the services answer with; -1 where they do not say."""
    if not answers(f"{address}/metrics"):
        return -1
    with urllib.request.urlopen(f"{address}/metrics", timeout=5) as page:  # noqa: S310 - ours
        text = page.read().decode()
    found = re.search(r"^finloop_manifest_generation(?:\{.*\})? ([\d.eE+-]+)$", text, re.MULTILINE)
    return int(float(found[1])) if found else -1
