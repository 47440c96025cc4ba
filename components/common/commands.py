"""Commands of this layer."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.common import ledger_commands, registry_commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.common.ingest import TableReport

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def mount(app: typer.Typer) -> None:
    """Add the commands of this layer to the command line."""
    app.command("ingest")(_ingest)
    outcomes = typer.Typer(help="What turned out to be true of decisions.", no_args_is_help=True)
    outcomes.command("import")(_import_outcomes)
    outcomes.callback()(_outcomes)
    app.add_typer(outcomes, name="outcomes")
    registry_commands.mount(app)
    ledger_commands.mount(app)


def _outcomes() -> None:
    """What turned out to be true of decisions."""


def _ingest(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of parquet or CSV files.")],
    mapping: Annotated[str, typer.Option(help="Layout: finloop or fraud-handbook.")] = "finloop",
    as_json: _Json = False,
) -> None:
    """Take files into the lake; bad rows go to quarantine with their reasons."""
    from datetime import UTC, datetime

    from components.common.ingest import ingest
    from components.common.settings import load_settings

    settings = load_settings()
    with _progress("Ingesting"):
        report = ingest(source, mapping, settings, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        _show(report.tables, settings.quarantine)


def _import_outcomes(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet or CSV file.")],
    domain: Annotated[str | None, typer.Option(help="Whose outcomes; where there are two.")] = None,
    as_json: _Json = False,
) -> None:
    """Record outcomes from a file in the ledger; those of unknown subjects go to quarantine."""
    from datetime import UTC, datetime

    from components.common.outcomes import import_outcomes
    from components.common.settings import load_settings

    settings = load_settings()
    with _progress("Importing"):
        report = import_outcomes(file, domain, settings, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        _show([report], settings.quarantine)


def _progress(doing: str) -> AbstractContextManager[object]:
    from rich.console import Console

    return Console(stderr=True).status(f"{doing} …")


def _show(reports: Sequence[TableReport], quarantine: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("table", "from")
    for name in ("rows", "new", "there already", "quarantined"):
        table.add_column(name, justify="right")
    for report in reports:
        screened = report.screened
        counts = (screened.rows, screened.accepted, screened.already, screened.quarantined)
        table.add_row(report.table, report.source, *(f"{count:,}" for count in counts))
    console = Console()
    console.print(table)
    for report in reports:
        for reason, count in report.screened.reasons.items():
            console.print(f"{report.table}: {count:,} quarantined because {reason}")
    if any(report.screened.reasons for report in reports):
        console.print(f"What is in quarantine lies in {quarantine}, each row with its reason.")
