"""`finloop ledger verify`: is the record what was written?"""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated

import typer

from components.common.errors import Exit, bad_input


def mount(app: typer.Typer) -> None:
    """Add `ledger` to the command line."""
    ledger = typer.Typer(help="The append-only record itself.", no_args_is_help=True)
    ledger.command("verify")(_verify)
    ledger.callback()(_ledger)
    app.add_typer(ledger, name="ledger")


def _ledger() -> None:
    """The append-only record itself."""


def _verify(
    segment: Annotated[int | None, typer.Option(help="Only this segment.")] = None,
    anchor: Annotated[
        str | None, typer.Option(metavar="SEQ:HEAD", help="A head that was noted earlier.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the hash chain: no row was changed, removed, moved or slipped in."""
    from rich.console import Console

    from components.common.ledger.book import has_ledger, open_ledger
    from components.common.ledger.verify import Anchor, verify
    from components.common.settings import load_settings

    settings = load_settings()
    if not has_ledger(settings):
        raise bad_input("no_ledger", "There is no ledger yet; the first decision begins it.")
    noted = Anchor.parse(anchor) if anchor else None
    with closing(open_ledger(settings)) as ledger, Console(stderr=True).status("Verifying") as told:
        found = verify(ledger, segment, noted, lambda row: told.update(f"Verified to row {row:,}"))
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    elif found.ok:
        typer.echo(
            f"{found.rows:,} rows in {found.segments} segments are what was written "
            f"({found.erased:,} erased by record). Note {found.last_seq}:{found.head}"
        )
    for fault in found.faults:
        typer.echo(f"finloop: {fault.sentence}", err=True)
    if not found.ok:
        raise typer.Exit(Exit.REFUSED)
