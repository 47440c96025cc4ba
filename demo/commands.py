"""Commands of this layer."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.common.errors import bad_input

if TYPE_CHECKING:
    from demo.world import World


def mount(app: typer.Typer) -> None:
    """Add the commands of this layer to the command line."""
    app.command("simulate")(simulate)
    app.command("demo")(demo)
    app.command("up")(up)


def simulate(
    out: Annotated[Path, typer.Option(help="Folder that receives one parquet file per table.")],
    users: Annotated[int, typer.Option(help="Number of customers.")] = 2_000,
    merchants: Annotated[int, typer.Option(help="Number of merchants.")] = 300,
    days: Annotated[int, typer.Option(help="Number of days.")] = 90,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")] = "2025-01-01",
    drift_from: Annotated[
        str | None,
        typer.Option(help="Day, YYYY-MM-DD, on which prices rise and a new fraud begins."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make up a payments company: customers, merchants, payments, fraud, loans."""
    from demo.world import WorldConfig, write
    from demo.world import simulate as live

    world = live(
        WorldConfig(
            users=users,
            merchants=merchants,
            days=days,
            seed=seed,
            start=_day(start),
            drift_from=_day(drift_from) if drift_from else None,
        )
    )
    write(world.tables, out)
    _show(world, out, as_json=as_json)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise bad_input("date", f"{text!r} is not a date; write it as YYYY-MM-DD.") from None


def _show(world: World, out: Path, *, as_json: bool) -> None:
    import json

    from rich.console import Console
    from rich.table import Table

    from demo.world import KINDS

    rows = {name: len(table) for name, table in world.tables.items()}
    fraud = {kind: int((world.kinds == index).sum()) for index, kind in enumerate(KINDS) if index}
    share = sum(fraud.values()) / max(1, len(world.kinds))
    if as_json:
        report = {"out": str(out), "rows": rows, "fraud": fraud, "fraud_share": round(share, 6)}
        typer.echo(json.dumps(report))
        return
    table = Table("table", "rows")
    for name, count in rows.items():
        table.add_row(name, f"{count:,}")
    Console().print(table)
    typer.echo(f"{share:.2%} of the payments are fraud. The company is in {out}.")


def demo(
    users: Annotated[int, typer.Option(help="Customers who pay while the story is told.")] = 500,
    seed: Annotated[
        int | None, typer.Option(help="The same seed makes up the same company.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Payments and outcomes of one's own, instead.")
    ] = None,
    mapping: Annotated[str, typer.Option(help="How their columns become ours.")] = "finloop",
) -> None:
    """Tell the whole loop once, from a company's data to a rollback, and sum it up."""
    from datetime import UTC, datetime

    from rich.console import Console

    from components.common.settings import load_settings
    from demo.company import StoryConfig
    from demo.own_data import company_of
    from demo.story import tell

    # bound to today's standard output: a pipeline run sends whatever is printed to its log
    console, config = Console(file=sys.stdout), StoryConfig(users=users)
    config = config if seed is None else replace(config, seed=seed)
    if data is None:
        tell(load_settings(), config, console)
        return
    now = datetime.now(UTC)
    tell(
        load_settings(),
        config,
        console,
        lambda config, settings: company_of(data, mapping, config, settings, now),
    )


def up() -> None:
    """Leave the MLflow UI, the Evidently UI and the services running until Ctrl-C."""
    import time

    from rich.console import Console

    from components.common.settings import load_settings
    from demo import up as everything

    try:
        everything.up(load_settings(), Console(), time.sleep)
    except KeyboardInterrupt:  # the way to end it
        typer.echo("Everything is stopped.")
