"""Make built feature tables those of the installation, and bring Feast up to them."""

from __future__ import annotations

from pathlib import Path

from components.common.feature_tables import MadeFrom, confirm, install
from components.common.settings import Settings
from feature_repo.online import online_side

FILLED = "filled"
"""Mark of an online store: what the tables were made from whose newest rows it holds."""


def publish(settings: Settings, tables: Path) -> str:
    """Install the tables, apply the definitions, fill the online store; the moment they know until.

    Does nothing where exactly these tables are published already.
    """
    wanted = MadeFrom.read(tables)
    if wanted is not None and wanted == _published(settings):
        return wanted.as_of
    from feature_repo.store import apply, materialize

    made = install(settings, tables)
    materialize(settings, made.moment, apply(settings))
    online_side(settings).set_mark(FILLED, made.as_text())
    confirm(settings, made)
    return made.as_of


def _published(settings: Settings) -> MadeFrom | None:
    """What is published now; None where a part of the feature store is missing or of another."""
    made = MadeFrom.read(settings.feature_tables)
    if made is None or not (settings.feast / "registry.db").exists():
        return None
    return made if online_side(settings).mark(FILLED) == made.as_text() else None
