"""Start the services of an installation: `bentoml serve`, and the follower beside it."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from components.common.environment import as_environment
from components.common.errors import unavailable
from components.common.processes import Process, Supervisor, free_port
from components.common.processes import wait as await_ready
from components.common.settings import Settings

TARGET = "serving.gateway:Gateway"
_LOOK_SECONDS = 0.5
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Served:
    """Services that run."""

    address: str
    key: str | None
    """An API key that was drawn for this run because the settings have none."""
    processes: tuple[Process, ...]


def start_services(supervisor: Supervisor, settings: Settings) -> Served:
    """Start the services and what keeps them fresh; returns once they are ready.

    Takes the port of the settings, or the next free one. Raises `FinloopError("not_started")`.
    """
    served = begin_services(supervisor, settings)
    await_services(served)
    return served


def await_services(served: Served) -> None:
    """Wait until services that were begun can answer; raises `FinloopError("not_started")`."""
    await_ready(served.processes[-1], f"{served.address}/readyz")


def begin_services(supervisor: Supervisor, settings: Settings) -> Served:
    """Start the services and what keeps them fresh without waiting: they are ready with a champion.

    Takes the port of the settings, or the next free one.
    """
    port = free_port(settings.serving_port)
    address = f"http://127.0.0.1:{port}"
    key = None if settings.api_keys else secrets.token_urlsafe(24)
    follower = supervisor.start(
        "sync",
        [sys.executable, "-m", "finloop", "sync"],
        env=_environment(settings),
        log=settings.logs / "sync.log",
    )
    gateway = supervisor.start(
        "services",
        _bentoml(port),
        env=_environment(settings, key),
        log=settings.logs / "serving.log",
    )
    supervisor.announce(gateway, address, "/readyz", settings.running)
    return Served(address, key, (follower, gateway))


def wait(served: Served) -> None:
    """Wait for Ctrl-C; raises `FinloopError("ended")` as soon as one of the processes ends."""
    while all(process.running for process in served.processes):
        for process in served.processes:
            with suppress(subprocess.TimeoutExpired):
                process.popen.wait(_LOOK_SECONDS)
    ended = next(process for process in served.processes if not process.running)
    raise unavailable("ended", f"{ended.name} ended by itself; its output is in {ended.log}.")


def _bentoml(port: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--working-dir", str(_ROOT)]
    return [sys.executable, "-m", "bentoml", "serve", TARGET, *where]


def _environment(settings: Settings, key: str | None = None) -> dict[str, str]:
    """The settings, and the key that was drawn, as the processes read them."""
    known = as_environment(settings) | {"BENTOML_HOME": str(settings.home / "bentoml")}
    if key is not None:
        known["FINLOOP_API_KEYS"] = json.dumps({"local": hashlib.sha256(key.encode()).hexdigest()})
    return known
