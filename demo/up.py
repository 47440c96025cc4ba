"""`finloop up`: everything running to look at, until Ctrl-C."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from components import domains
from components.common import lake
from components.common.errors import unavailable
from components.common.processes import Supervisor
from components.common.settings import Settings
from demo.platform import (
    Address,
    await_mlflow,
    start_controller,
    start_evidently,
    start_mlflow,
    with_api_key,
)
from serving.common.manifest import read_manifest
from serving.processes import start_services

_WATCH_SECONDS = 1.0
_FIRST_STEPS = """\
Nothing is trained here yet, so every payment is left to a person. `make demo` tells the whole story
and leaves its world here; or, in another terminal:
  .venv/bin/finloop simulate --users 2000 --merchants 300 --days 90 --seed 7 --out company
  .venv/bin/finloop run data --set source=company
  .venv/bin/finloop run fraud-xgboost
  .venv/bin/finloop approve fraud-xgboost 1 --by YOUR-NAME"""


def up(settings: Settings, console: Console, pause: Callable[[float], None]) -> None:
    """Start everything, say where it is and what to try, and stay until interrupted.

    `pause` waits that many seconds between two looks at the processes. Raises
    `FinloopError("stopped")` where one of them ends by itself.
    """
    settings, key = with_api_key(settings)
    with Supervisor() as supervisor:
        console.print("Starting MLflow, Evidently and the services …", highlight=False)
        settings, mlflow = start_mlflow(supervisor, settings)
        evidently = start_evidently(supervisor, settings)
        await_mlflow(settings, mlflow)
        services = start_services(supervisor, settings).address
        start_controller(supervisor, settings)
        _show(console, _addresses(settings, evidently, services))
        _say(console, *_to_try(settings, services, key), "Ctrl-C stops everything.")
        while all(process.running for process in supervisor.processes):
            pause(_WATCH_SECONDS)
        ended = next(process for process in supervisor.processes if not process.running)
        raise unavailable("stopped", f"{ended.name} has stopped; its output is in {ended.log}.")


def _addresses(settings: Settings, evidently: str, services: str) -> tuple[Address, ...]:
    models = f"{settings.mlflow_uri}/#/models"
    return (
        Address("MLflow", models, "candidates with their cards; Promote model; runs"),
        Address("Evidently", evidently, "drift of each model, once `finloop monitor` has looked"),
        Address("Services", f"{services}/docs", "the endpoints, with examples to try"),
        Address("Metrics", f"{services}/metrics", "decisions, errors and latency for Prometheus"),
    )


def _show(console: Console, addresses: tuple[Address, ...]) -> None:
    table = Table("what", "where", "shows")
    for address in addresses:
        table.add_row(address.name, address.url, address.shows)
    console.print(table)


def _to_try(settings: Settings, services: str, key: str) -> tuple[str, ...]:
    """The key, and commands that work as they are printed."""
    when = _moment(settings).isoformat(timespec="seconds")
    name = f"try-{secrets.token_hex(3)}"  # a payment is decided once
    return (
        f"API key of this run: {key}",
        *([] if _champions(settings) else [_FIRST_STEPS]),
        "To try, in another terminal:",
        f"  curl -s {services}/v1/fraud/decisions -H 'X-API-Key: {key}' -d '"
        f'{{"transaction_id": "{name}", "event_timestamp": "{when}", '
        '"user_id": "u000001", "merchant_id": "m00001", "amount": 18500}\'',
        f"  .venv/bin/finloop decisions show {name}",
        f"  .venv/bin/finloop decisions replay {name}",
        "  .venv/bin/finloop status",
        *(f"  .venv/bin/finloop rollout status {model}" for model in _models()),
    )


def _moment(settings: Settings) -> datetime:
    """A moment of which the features know the past: the end of the last day of payments, or now."""
    now = datetime.now(UTC)
    days = [name for name in lake.partitions(settings.lake, "transactions") if "day=" in name]
    if not days:
        return now
    last = max(days).partition("day=")[2][: len("YYYY-MM-DD")]
    return min(datetime.fromisoformat(last).replace(tzinfo=UTC) + timedelta(days=1), now)


def _models() -> list[str]:
    return [model.name for domain in domains() for model in domain.models]


def _champions(settings: Settings) -> list[str]:
    """The models that answer here."""
    manifest = read_manifest(settings.serving)
    return [name for name, one in manifest.models.items() if one.champion] if manifest else []


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
