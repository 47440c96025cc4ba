"""Which columns of a foreign file become which of ours. A new mapping is one declaration."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from datetime import timedelta

from components.common.contracts import TABLES
from components.common.errors import bad_input


@dataclass(frozen=True)
class From:
    """A column of ours, made from one of theirs."""

    column: str
    delay: timedelta = timedelta()
    """Added to a timestamp, where theirs says when it happened and ours when it became known."""


@dataclass(frozen=True)
class TableMapping:
    """One contract table, made from one foreign file or folder of files."""

    table: str
    source: str
    """Name of the file without its ending, or of the folder."""
    columns: MappingOf[str, From]
    ignored: frozenset[str] = frozenset()
    """Columns of theirs that are known and not taken."""


@dataclass(frozen=True)
class Mapping:
    """How one kind of foreign folder is read; tables in an order in which references come first."""

    name: str
    tables: tuple[TableMapping, ...] = field(default_factory=tuple)


FINLOOP = Mapping(
    "finloop",
    tuple(
        TableMapping(name, name, {column.name: From(column.name) for column in table.columns})
        for name, table in TABLES.items()
    ),
)
"""Our own layout: `DIR/<table>.parquet`, `DIR/<table>.csv` or `DIR/<table>/**`."""

_HANDBOOK_COLUMNS = frozenset(
    {
        "TRANSACTION_ID",
        "TX_DATETIME",
        "CUSTOMER_ID",
        "TERMINAL_ID",
        "TX_AMOUNT",
        "TX_TIME_SECONDS",
        "TX_TIME_DAYS",
        "TX_FRAUD",
        "TX_FRAUD_SCENARIO",  # the cause of the label: it must never come in
    }
)
FRAUD_HANDBOOK = Mapping(
    "fraud-handbook",
    (
        TableMapping(
            "transactions",
            "transactions",
            {
                "transaction_id": From("TRANSACTION_ID"),
                "event_timestamp": From("TX_DATETIME"),
                "user_id": From("CUSTOMER_ID"),
                "merchant_id": From("TERMINAL_ID"),
                "amount": From("TX_AMOUNT"),
            },
            _HANDBOOK_COLUMNS,
        ),
        TableMapping(
            "outcomes",
            "transactions",
            {
                "transaction_id": From("TRANSACTION_ID"),
                "is_fraud": From("TX_FRAUD"),
                "outcome_timestamp": From("TX_DATETIME", timedelta(days=7)),
            },
            _HANDBOOK_COLUMNS,
        ),
    ),
)
"""Simulated transactions of the Fraud Detection Handbook; an outcome is known after 7 days."""

MAPPINGS = {mapping.name: mapping for mapping in (FINLOOP, FRAUD_HANDBOOK)}


def find_mapping(name: str) -> Mapping:
    """The mapping of that name; a clear sentence where there is none."""
    if name not in MAPPINGS:
        known = ", ".join(sorted(MAPPINGS))
        raise bad_input(
            "unknown_mapping", f"There is no mapping named {name!r}; choose one of: {known}."
        )
    return MAPPINGS[name]
