"""`finloop models` and `finloop approve`."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def mount(app: typer.Typer) -> None:
    """Add the commands of the registry to the command line."""
    app.command("models")(models)
    app.command("approve")(approve)


def models(as_json: _Json = False) -> None:
    """Every registered model: candidates, production versions, stage, share, approver."""
    from components import domains
    from components.common.ledger import open_ledger
    from components.common.model_list import model_list
    from components.common.registry import Registry
    from components.common.settings import load_settings

    settings = load_settings()
    every = [(domain, spec) for domain in domains() for spec in domain.models]
    with closing(open_ledger(settings)) as ledger:
        listed = model_list(every, Registry(settings), ledger)
    if as_json:
        typer.echo(json.dumps(listed, ensure_ascii=False))
    else:
        _show(listed)


def approve(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the production model.")],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Version of its candidate.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who approves; not who trained it.")],
    as_json: _Json = False,
) -> None:
    """Let a candidate go to production, as Promote model in the MLflow UI does."""
    from components import find_model
    from components.common.approval import approve as let_go
    from components.common.settings import load_settings

    _, spec = find_model(model)
    approved = let_go(spec, version, by, load_settings())
    if as_json:
        answer = {"model": approved.model, "version": approved.version, "candidate": version}
        typer.echo(json.dumps({**answer, "approver": by.strip(), "stage": approved.stage.value}))
    else:
        typer.echo(
            f"{model} candidate {version} is approved by {by.strip()} as version "
            f"{approved.version}; `finloop rollout step {model}` starts its rollout."
        )


def _show(listed: list[dict[str, Any]]) -> None:
    from rich.console import Console

    console = Console()
    for model in listed:
        console.print(f"[bold]{model['model']}[/bold]  {model['domain']}, owner {model['owner']}")
        if not model["candidates"] and not model["versions"]:
            console.print(f"  nothing registered yet; `finloop run {model['model']}` trains one")
        if model["versions"]:
            console.print(_production(model["versions"]))
        if model["candidates"]:
            console.print(_candidates(model["candidates"]))


def _production(versions: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table("version", "stage", "share", "alias", "candidate", "approver", "approved")
    for row in versions:
        table.add_row(
            row["version"],
            row["stage"],
            f"{row['share']:.0%}",
            ", ".join(row["aliases"]),
            row["candidate"] or "none",
            row["approver"] or "nobody yet",
            _minute(row["approved_at"]),
        )
    return table


def _candidates(candidates: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table("candidate", "gate", "author", "registered", "approved as", "digest")
    for row in candidates:
        table.add_row(
            row["version"],
            row["gate"],
            row["author"] or "unknown",
            _minute(row["created_at"]),
            row["approved_as"] or "",
            (row["digest"] or "")[:12],
        )
    return table


def _minute(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else ""
