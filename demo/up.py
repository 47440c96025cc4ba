"""`finloop up`: everything running to look at, until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from components.common.errors import unavailable
from components.common.processes import Supervisor
from components.common.settings import Settings
from demo.platform import (
    Address,
    await_mlflow,
    start_controllers,
    start_evidently,
    start_mlflow,
    with_api_key,
)
from serving.processes import start_services

_WATCH_SECONDS = 1.0


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
        start_controllers(supervisor, settings)
        _show(console, _addresses(settings, evidently, services), services, key)
        while all(process.running for process in supervisor.processes):
            pause(_WATCH_SECONDS)
        ended = next(process for process in supervisor.processes if not process.running)
        raise unavailable("stopped", f"{ended.name} has stopped; its output is in {ended.log}.")


def _addresses(settings: Settings, evidently: str, services: str) -> tuple[Address, ...]:
    return (
        Address("MLflow", str(settings.mlflow_uri), "runs, candidates, model cards; Promote model"),
        Address("Evidently", evidently, "drift of each model, window by window"),
        Address("Services", f"{services}/docs", "the endpoints, with examples to try"),
        Address("Metrics", f"{services}/metrics", "decisions, errors and latency for Prometheus"),
    )


def _show(console: Console, addresses: tuple[Address, ...], services: str, key: str) -> None:
    table = Table("what", "where", "shows")
    for address in addresses:
        table.add_row(address.name, address.url, address.shows)
    console.print(table)
    console.print(f"API key of this run: {key}", highlight=False, soft_wrap=True)
    console.print("To try, in another terminal:", highlight=False)
    console.print(
        f"  curl -s {services}/v1/fraud/decisions -H 'X-API-Key: {key}' -d '"
        '{"transaction_id": "try-1", "event_timestamp": "2026-01-05T12:00:00Z", '
        '"user_id": "u000001", "merchant_id": "m00001", "amount": 18500}'
        "'\n  .venv/bin/finloop status\n  .venv/bin/finloop rollout status fraud-xgboost",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    console.print("Ctrl-C stops everything.", highlight=False)
