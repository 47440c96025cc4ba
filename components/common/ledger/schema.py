"""The tables of the ledger as SQL: generated from their declaration, for one dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from components.common.ledger.tables import TABLES, LedgerTable

REFUSED = "the ledger is append-only"
"""What the database says to a change; errors are recognised by it."""


@dataclass(frozen=True)
class Dialect:
    """How a database spells types and keeps rows from being changed."""

    types: Mapping[str, str]
    key: str
    """Type of a primary key of whole numbers."""
    binary: str
    suffix: str
    """What ends a CREATE TABLE."""


def tables(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """(name, CREATE statement) of every table."""
    for table in TABLES:
        yield table.name, _create(table, dialect)
    whole, binary, text = dialect.types["INTEGER"], dialect.binary, dialect.types["TEXT"]
    yield (
        "erased",
        f"CREATE TABLE IF NOT EXISTS erased (seq {dialect.key} PRIMARY KEY, "
        f"name {text} NOT NULL, erasure {whole} NOT NULL, commitment {binary} NOT NULL, "
        f"link {binary} NOT NULL) {dialect.suffix}",
    )
    yield (
        "segments",
        f"CREATE TABLE IF NOT EXISTS segments (segment {dialect.key} PRIMARY KEY, "
        f"first_seq {whole} NOT NULL, last_seq {whole} NOT NULL, head_before {binary} NOT NULL, "
        f"head {binary} NOT NULL, sealed_at {text}) {dialect.suffix}",
    )


def indexes() -> Iterator[tuple[str, str]]:
    """(name, CREATE statement) of every index."""
    for table in TABLES:
        for name, columns in table.indexes.items():
            yield name, f"CREATE INDEX IF NOT EXISTS {name} ON {table.name} ({', '.join(columns)})"


def _create(table: LedgerTable, dialect: Dialect) -> str:
    columns = [
        f"{column.name} {dialect.types[column.sql]}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    ]
    parts = [
        f"seq {dialect.key} PRIMARY KEY",
        *columns,
        f"salt {dialect.binary} NOT NULL",
        f"link {dialect.binary} NOT NULL",
        *(f"UNIQUE ({', '.join(names)})" for names in table.unique),
    ]
    return f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(parts)}) {dialect.suffix}"
