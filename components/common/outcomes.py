"""Outcomes from a file, into the ledger."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import ModuleType

import duckdb
import pyarrow as pa

from components.common import lake
from components.common.change import changing
from components.common.contracts import TABLES, Table
from components.common.errors import bad_input
from components.common.ingest import TableReport, spilling_connection
from components.common.ledger import Ledger, open_ledger
from components.common.ledger_rows import outcome_pages, row_batch, served_modules
from components.common.mappings import FINLOOP
from components.common.quarantine import Staged, write_quarantine
from components.common.reading import ROW, append_staged, create_staged, stage
from components.common.records import Outcome
from components.common.screening import KNOWN, REASON, screen
from components.common.settings import Settings
from components.common.sources import Source, open_source


def import_outcomes(
    file: Path, domain: str | None, settings: Settings, now: datetime
) -> TableReport:
    """Append the outcomes of a parquet or CSV file to the ledger, all of them or none.

    The file has the columns of the domain's outcome table; without `domain`, the one whose subjects
    the file names. An outcome of a subject that was neither decided on nor ingested is quarantined.
    """
    source = _open(file)
    name, served = _served(domain, source)
    table = TABLES[served.OUTCOME_TABLE]
    mapping = next(part for part in FINLOOP.tables if part.table == table.name)
    with (
        closing(open_ledger(settings)) as ledger,
        changing(settings.home) as change,
        spilling_connection(change) as connection,
    ):
        stage(connection, table.name, source, mapping, table, settings.pseudonym_secret())
        existing = _stage_existing(connection, ledger, name, served, table)
        subject, known = _stage_subjects(connection, ledger, name, settings.lake, table)
        screened = screen(
            connection, table.name, table, now, existing=existing, references={subject: known}
        )
        staged = Staged(table, source.name, source.digest())
        write_quarantine(change, settings.quarantine, staged, connection)
        ledger.append(_records(connection, table, served, now))
    return TableReport(table.name, source.name, screened, 0)


def _served(domain: str | None, source: Source) -> tuple[str, ModuleType]:
    from components import find_domain

    found = having_outcomes = {
        name: one for name, one in served_modules().items() if hasattr(one, "OUTCOME_TABLE")
    }
    if domain is not None:
        found = {name: one for name, one in found.items() if name == find_domain(domain).name}
    elif len(found) > 1 and (columns := _columns(source)):
        found = {name: one for name, one in found.items() if _subject(one) in columns}
    if len(found) != 1:
        raise bad_input(
            "no_outcomes",
            f"Say whose outcomes these are: --domain {' or '.join(sorted(having_outcomes))}.",
        )
    return next(iter(found.items()))


def _subject(served: ModuleType) -> str:
    """The column that names what the outcomes of a domain are about."""
    return TABLES[served.OUTCOME_TABLE].references[0][0]


def _columns(source: Source) -> set[str]:
    """The columns of a source; none where it cannot be read."""
    with duckdb.connect() as connection:
        try:
            rows = connection.execute(f"DESCRIBE SELECT * FROM {source.sql}").fetchall()  # noqa: S608 - quoted paths
        except duckdb.Error:
            return set()
    return {row[0] for row in rows}


def _open(file: Path) -> Source:
    source = open_source(file) if file.exists() else None
    if source is None:
        raise bad_input("no_source", f"There is no parquet or CSV file {file}; check its name.")
    return source


def _stage_existing(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    domain: str,
    served: ModuleType,
    table: Table,
) -> str:
    create_staged(connection, "recorded", table)
    for page in outcome_pages(ledger, domain, served):
        if page:
            append_staged(connection, "recorded", row_batch(table, [row for _, row in page], 0))
    return "recorded"


def _stage_subjects(
    connection: duckdb.DuckDBPyConnection, ledger: Ledger, domain: str, root: Path, table: Table
) -> tuple[str, str]:
    """(column that names the subject, SQL of every subject that is known)."""
    column, other = table.references[0]
    decided = ledger.rows("SELECT subject_id FROM decisions WHERE domain = ?", domain)
    ids = pa.table({column: pa.array([row["subject_id"] for row in decided], pa.string())})
    connection.register("decided", ids)
    known = f'SELECT "{column}" FROM decided'  # noqa: S608 - contract names
    if lake.partitions(root, other):
        known += f' UNION ALL SELECT "{column}" FROM {lake.scan(root, other)}'  # noqa: S608 - contract names
    return column, f"({known})"


def _records(
    connection: duckdb.DuckDBPyConnection, table: Table, served: ModuleType, now: datetime
) -> list[Outcome]:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    rows = connection.sql(
        f'SELECT {names} FROM "{table.name}" '  # noqa: S608 - contract names
        f"WHERE {REASON} IS NULL AND NOT {KNOWN} ORDER BY {ROW}"
    ).to_arrow_table()
    return [served.row_to_outcome(row, now) for row in rows.to_pylist()]
