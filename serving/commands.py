"""Commands of this layer: `serve`, `sync`, `decisions`, `privacy` and `reviews`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from serving import decision_commands, privacy_commands, review_commands

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object when ready.")]


def mount(app: typer.Typer) -> None:
    """Add the commands of this layer to the command line."""
    app.command("serve")(_serve)
    app.command("sync", hidden=True)(_sync)
    decision_commands.mount(app)
    privacy_commands.mount(app)
    review_commands.mount(app)


def _serve(as_json: _Json = False) -> None:
    """Serve every domain until Ctrl-C, and keep models and histories fresh beside it."""
    from components.common.processes import Supervisor
    from components.common.settings import load_settings
    from serving.processes import start_services, wait

    settings = load_settings()
    with Supervisor() as supervisor:
        typer.echo("Starting the services …", err=True)
        served = start_services(supervisor, settings)
        if as_json:
            typer.echo(json.dumps({"address": served.address, "key": served.key}))
        else:
            _tell(served.address, served.key, settings.serving_port)
        wait(served)


def _tell(address: str, key: str | None, wanted: int) -> None:
    if not address.endswith(f":{wanted}"):
        typer.echo(f"Port {wanted} is taken, so the next free one is used.")
    typer.echo(f"Decisions are served on {address}; open it to try them. Ctrl-C stops.")
    if key is not None:
        typer.echo(f"No FINLOOP_API_KEYS are set; the API key of this run is {key}")


def _sync() -> None:
    """Follow registry and ledger for the services of this host, until Ctrl-C."""
    import asyncio

    from components.common.settings import load_settings
    from serving.common.following import follow
    from serving.common.log import log_plainly

    log_plainly()
    asyncio.run(follow(load_settings()))
