"""`finloop privacy erase|expire`: what is known of people goes when it must."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from serving.privacy import Erased

_By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who asks for it.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def mount(app: typer.Typer) -> None:
    """Add `privacy` to the command line."""
    privacy = typer.Typer(help="What is known of people.", no_args_is_help=True)
    privacy.command("erase")(_erase)
    privacy.command("expire")(_expire)
    app.add_typer(privacy, name="privacy")


def _erase(
    user: Annotated[str, typer.Argument(metavar="USER", help="Their id, as it came in.")],
    by: _By = None,
    as_json: _Json = False,
) -> None:
    """Remove everything about a person, from everywhere; the ledger stays verifiable."""
    from datetime import UTC, datetime

    from rich.console import Console

    from components.common.settings import load_settings
    from serving.privacy import erase_person

    with Console(stderr=True).status("Erasing …"):
        erased = erase_person(load_settings(), user, by or getpass.getuser(), datetime.now(UTC))
    _tell(erased, "Nothing is kept about this user, so nothing was removed.", as_json)


def _expire(by: _By = None, as_json: _Json = False) -> None:
    """Remove everything about people that is older than FINLOOP_RETENTION_DAYS."""
    from datetime import UTC, datetime

    from rich.console import Console

    from components.common.settings import load_settings
    from serving.privacy import expire

    with Console(stderr=True).status("Expiring …"):
        erased = expire(load_settings(), by or getpass.getuser(), datetime.now(UTC))
    _tell(erased, "Nothing is older than that, so nothing was removed.", as_json)


def _tell(erased: Erased, nothing: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(erased.as_json()))
        return
    if not erased.anything:
        typer.echo(nothing)
    for name, count in erased.ledger.items():
        typer.echo(f"ledger, {name}: {count:,} records")
    for folder, count in erased.files.items():
        typer.echo(f"{folder}: {count:,} rows")
    if erased.texts:
        typer.echo(f"reports and logs: blotted out in {erased.texts:,}")
    if erased.online:
        typer.echo(f"online store: {erased.online:,} people")
    if erased.lake_changed:
        typer.echo("Run `finloop run data` now: features are to follow the lake.", err=True)
