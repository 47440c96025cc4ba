"""Foreign files and served decisions become rows of the lake; what is not let in is quarantined.

All tables of one call come in together or not at all, and the same input again changes no byte.
The quarantine holds, per source, what of it is outside now: `quarantine/<table>/<source>.parquet`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from components.common import lake
from components.common.change import Change, changing
from components.common.contracts import TABLES, Table
from components.common.errors import unavailable
from components.common.ledger_rows import LEDGER, stage_ledger
from components.common.mappings import find_mapping
from components.common.partitions import write_table
from components.common.quarantine import Staged, write_quarantine
from components.common.reading import check_source, stage
from components.common.screening import KNOWN, REASON, Screened, screen
from components.common.settings import Settings
from components.common.sources import find_sources


@dataclass(frozen=True)
class TableReport:
    """What became of the rows of one table."""

    table: str
    source: str
    screened: Screened
    files: int
    """Partitions that were written."""

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        named = {"table": self.table, "source": self.source, "files": self.files}
        return {**named, **asdict(self.screened)}


@dataclass(frozen=True)
class IngestReport:
    """What became of every row, and the digest of the lake afterwards."""

    tables: tuple[TableReport, ...]
    digest: str

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {"digest": self.digest, "tables": [report.as_json() for report in self.tables]}


def ingest(source: Path, mapping: str, settings: Settings, now: datetime) -> IngestReport:
    """Take a foreign folder (or file) into the lake, through the mapping of that name.

    Raises `FinloopError` and writes nothing where a file cannot be used.
    """
    found = find_sources(source, find_mapping(mapping))
    for table_mapping, file in found:
        check_source(file, table_mapping, TABLES[table_mapping.table])
    key = settings.pseudonym_secret()
    with changing(settings.home) as change, spilling_connection(change) as connection:
        staged = []
        for table_mapping, file in found:
            table = TABLES[table_mapping.table]
            stage(connection, table.name, file, table_mapping, table, key)
            staged.append(Staged(table, file.name, file.digest()))
        reports = _take_in(change, connection, staged, settings, now)
    return IngestReport(reports, lake.digest(settings.lake))


def ingest_ledger(settings: Settings, now: datetime) -> IngestReport:
    """Take what the ledger has of served decisions and their outcomes into the lake.

    Each domain's `served` module says which contract row a record is; ids are pseudonyms already.
    """
    with changing(settings.home) as change, spilling_connection(change) as connection:
        names = stage_ledger(connection, settings)
        staged = [Staged(TABLES[name], LEDGER, LEDGER) for name in TABLES if name in names]
        reports = _take_in(change, connection, staged, settings, now)
    return IngestReport(reports, lake.digest(settings.lake))


@contextmanager
def spilling_connection(change: Change) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for rows without raw ids: what does not fit in memory goes beside the change."""
    with closing(lake.connect(change.spill)) as connection:
        try:
            connection.begin()  # one transaction: appending many batches costs a third of the time
            yield connection
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise unavailable(
                "disk_unavailable",
                "The lake cannot be written, so nothing was changed; free its disk and retry.",
            ) from error


def _take_in(
    change: Change,
    connection: duckdb.DuckDBPyConnection,
    staged: Sequence[Staged],
    settings: Settings,
    now: datetime,
) -> tuple[TableReport, ...]:
    reports = []
    names = {part.table.name for part in staged}
    for part in staged:
        table = part.table
        screened = screen(
            connection,
            table.name,
            table,
            now,
            existing=_existing(settings.lake, table.name),
            references=_references(connection, settings.lake, table, names),
        )
        new = f'(SELECT * FROM "{table.name}" WHERE {REASON} IS NULL AND NOT {KNOWN})'  # noqa: S608 - contract names
        if table.time is None:
            new = f'(SELECT * FROM "{table.name}" WHERE {REASON} IS NULL)'  # noqa: S608 - contract names
        files = 0
        if screened.accepted or (table.time is None and screened.already):
            files = write_table(change, settings.lake, table, connection, new)
        write_quarantine(change, settings.quarantine, part, connection)
        reports.append(TableReport(table.name, part.source, screened, files))
    return tuple(reports)


def _existing(root: Path, table: str) -> str | None:
    return lake.scan(root, table) if lake.partitions(root, table) else None


def _references(
    connection: duckdb.DuckDBPyConnection, root: Path, table: Table, staged: Set[str]
) -> dict[str, str]:
    """Column → SQL of what it may refer to; nothing for a column whose table has no rows."""
    permitted = {}
    for column, other in table.references:
        parts = []
        if other in staged:
            parts.append(f'SELECT "{column}" FROM "{other}" WHERE {REASON} IS NULL')  # noqa: S608 - contract names
        if lake.partitions(root, other) and not (other in staged and TABLES[other].time is None):
            parts.append(f'SELECT "{column}" FROM {lake.scan(root, other)}')  # noqa: S608 - contract names
        sql = f"({' UNION ALL '.join(parts)})"
        if parts and connection.sql(f"SELECT * FROM {sql} LIMIT 1").fetchall():  # noqa: S608 - see above
            permitted[column] = sql
    return permitted
