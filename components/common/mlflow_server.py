"""How the embedded MLflow server is started: tracking, registry and UI over the embedded store."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from components.common.mlflow_store import STORE, prepare
from components.common.settings import TELEMETRY_OFF, Settings

_ENVIRONMENT = {
    **TELEMETRY_OFF,
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # A server that inherits a client's address would talk to itself.
    "MLFLOW_TRACKING_URI": "",
    "MLFLOW_REGISTRY_URI": "",
}


@dataclass(frozen=True)
class ServerCommand:
    """What a supervisor needs to start the server."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    address: str
    """Of the UI, and of clients (`FINLOOP_MLFLOW_URI`)."""
    health: str
    """Answers with status 200 once the server is ready."""


def server_command(settings: Settings, port: int) -> ServerCommand:
    """The command of a server on loopback over the embedded store, which is made where missing.

    Artifacts have plain folder names in the store, so that clients that open the SQLite file and
    clients that ask the server see the same files. The job runner is off: nothing here needs it.
    """
    prepare(settings)
    address = f"http://127.0.0.1:{port}"
    argv = (
        *(sys.executable, "-m", "mlflow", "server"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{settings.mlflow / STORE}"),
        *("--default-artifact-root", (settings.mlflow / "artifacts").as_uri()),
        "--no-serve-artifacts",
    )
    return ServerCommand(argv, dict(_ENVIRONMENT), address, f"{address}/health")
