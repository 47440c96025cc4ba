"""The feature tables of an installation, and the note that says what they were made from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from components.common import lake
from components.common.errors import refused
from components.common.settings import Settings

NOTE = "made_from.json"


@dataclass(frozen=True)
class MadeFrom:
    """What feature tables were made from; they are current while this is."""

    data_digest: str
    code_digest: str
    timezone: str
    as_of: str
    """The newest moment that they know of (ISO 8601, UTC)."""
    refresh_hours: int = 24

    @property
    def moment(self) -> datetime:
        """`as_of` as a time."""
        return datetime.fromisoformat(self.as_of)

    def as_text(self) -> str:
        """The note as it is written."""
        return json.dumps(asdict(self), indent=1) + "\n"

    def write(self, folder: Path) -> None:
        """Write the note, whole or not at all."""
        fresh = folder / f".{NOTE}.{os.getpid()}"
        fresh.write_text(self.as_text())
        fresh.replace(folder / NOTE)

    @classmethod
    def read(cls, folder: Path) -> MadeFrom | None:
        """The note in a folder; None where there is none, as before the first build."""
        path = folder / NOTE
        return cls(**json.loads(path.read_text())) if path.exists() else None


def build(
    root: Path,
    into: Path,
    data_digest: str,
    code_digest: str,
    timezone: str,
    refresh_hours: int = 24,
) -> MadeFrom:
    """Build the feature tables of every domain from the lake into a folder, with their note.

    Raises `FinloopError("lake_changed")` where the lake is not the one of that digest.
    """
    check_lake(root, data_digest)
    into.mkdir(parents=True, exist_ok=True)
    for make in builders():
        make(root, into, timezone, refresh_hours=refresh_hours)
    newest = _newest(into).isoformat()
    made = MadeFrom(data_digest, code_digest, timezone, newest, refresh_hours)
    made.write(into)
    return made


def install(settings: Settings, tables: Path) -> MadeFrom:
    """Make built tables those of this installation; the note comes last.

    Until `confirm` the tables count as being replaced: nobody trains on half of them.
    """
    folder = settings.feature_tables
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOTE).unlink(missing_ok=True)
    for path in sorted(tables.glob("*.parquet")):
        fresh = folder / f".{path.name}.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        try:
            os.link(path, fresh)  # the same bytes, without a second copy where the disk is the same
        except OSError:
            shutil.copyfile(path, fresh)
        fresh.replace(folder / path.name)
    made = MadeFrom.read(tables)
    if made is None:
        raise refused("features_missing", f"{tables} holds no feature tables; build them again.")
    return made


def confirm(settings: Settings, made: MadeFrom) -> None:
    """Write the note of the installed tables: from now on they may be trained on."""
    made.write(settings.feature_tables)


def current(settings: Settings) -> MadeFrom:
    """What the installed tables were made from.

    Raises `FinloopError` where there are none, or where the lake has changed since.
    """
    made = MadeFrom.read(settings.feature_tables)
    if made is None:
        raise refused(
            "features_missing", "There are no features yet; run `finloop run data` first."
        )
    check_lake(settings.lake, made.data_digest)
    return made


def check_lake(root: Path, data_digest: str) -> None:
    """Raise `FinloopError("lake_changed")` where the lake is not the one of that digest."""
    if lake.digest(root) != data_digest:
        raise refused(
            "lake_changed",
            "The lake has changed since these features were asked for; run `finloop run data`.",
        )


def builders() -> list[Callable[..., object]]:
    """What builds the tables of each domain: `(lake, into, timezone, as_of, refresh_hours)`."""
    from components import domains

    names = [f"components.{domain.name}.features" for domain in domains()]
    return [import_module(name).build_feature_tables for name in names if find_spec(name)]


def _newest(folder: Path) -> datetime:
    """The newest event timestamp of any table in a folder."""
    import duckdb

    tables = str(folder / "*.parquet")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            "SELECT max(event_timestamp) FROM read_parquet(?, union_by_name = true)", [tables]
        ).fetchone()
    if found is None or found[0] is None:
        raise refused("no_data", "The lake has no payments yet; run `finloop ingest DIR` first.")
    return found[0]
