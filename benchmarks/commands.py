"""Commands of this layer."""

from __future__ import annotations

import typer


def mount(app: typer.Typer) -> None:
    """Add the commands of this layer to the command line."""
