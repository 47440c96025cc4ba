"""The tables that come in: columns, types, units, and what may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["string", "float64", "int64", "bool", "timestamp"]


@dataclass(frozen=True)
class Column:
    """One column of a contract table. Timestamps are UTC with microseconds."""

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    required: bool = True
    """Whether the column must be there and hold no null."""
    minimum: float | None = None
    maximum: float | None = None
    personal: bool = False
    """Whether the value names a person or their device and is pseudonymised before any write."""


@dataclass(frozen=True)
class Table:
    """One contract table."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that name a row; a second row with the same key is a duplicate."""
    time: str | None = None
    """Column whose UTC day partitions the table; a table without one is replaced as a whole."""
    references: tuple[tuple[str, str], ...] = ()
    """(column, table) pairs whose value must exist there, where that table has any rows."""

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _id(name: str, description: str, *, personal: bool = False, required: bool = True) -> Column:
    return Column(name, "string", description, personal=personal, required=required)


_LATITUDE = Column(
    "latitude", "float64", "Place north of the equator", "degrees", False, -90.0, 90.0
)
_LONGITUDE = Column("longitude", "float64", "Place east of Greenwich", "degrees", False, -180, 180)
_WHEN = Column("event_timestamp", "timestamp", "When it happened", "UTC")
_KNOWN = Column("outcome_timestamp", "timestamp", "When the outcome became known", "UTC")
_USER = _id("user_id", "Who", personal=True)

TRANSACTIONS = Table(
    "transactions",
    (
        _id("transaction_id", "Name of the payment"),
        _WHEN,
        _USER,
        _id("merchant_id", "Who is paid"),
        Column("amount", "float64", "Amount paid", "currency units", minimum=0.0),
        Column("category", "string", "Merchant category", required=False),
        Column("channel", "string", "How it was paid: card, online, transfer", required=False),
        _id("device_id", "Device that paid", personal=True, required=False),
        _LATITUDE,
        _LONGITUDE,
    ),
    key=("transaction_id",),
    time="event_timestamp",
    references=(("user_id", "users"), ("merchant_id", "merchants")),
)

OUTCOMES = Table(
    "outcomes",
    (
        _id("transaction_id", "Payment that the outcome is about"),
        Column("is_fraud", "bool", "Whether it was fraud"),
        _KNOWN,
        Column("source", "string", "Who says so: chargeback, settlement, review", required=False),
    ),
    key=("transaction_id", "outcome_timestamp"),
    time="outcome_timestamp",
    references=(("transaction_id", "transactions"),),
)

MERCHANTS = Table(
    "merchants",
    (
        _id("merchant_id", "Who is paid"),
        Column("name", "string", "Name shown to people", required=False),
        Column("category", "string", "Merchant category", required=False),
        _LATITUDE,
        _LONGITUDE,
    ),
    key=("merchant_id",),
)

USERS = Table(
    "users",
    (
        _USER,
        _WHEN,
        Column("birth_year", "int64", "Year of birth", "year", False, 1900, 2100),
        Column("annual_income", "float64", "Income", "currency units per year", False, 0.0),
        Column("employment_months", "int64", "Time in employment", "months", False, 0),
        Column("education_level", "string", "Highest education", required=False),
    ),
    key=("user_id", "event_timestamp"),
    time="event_timestamp",
)

BUREAU = Table(
    "bureau",
    (
        _USER,
        _WHEN,
        Column("bureau_score", "float64", "Credit bureau score", "points", False, 0.0),
        Column("existing_loans", "int64", "Open loans", "count", False, 0),
        Column("debt_to_income", "float64", "Debt over annual income", "ratio", False, 0.0),
    ),
    key=("user_id", "event_timestamp"),
    time="event_timestamp",
    references=(("user_id", "users"),),
)

LOANS = Table(
    "loans",
    (
        _id("application_id", "Name of the application"),
        _USER,
        _WHEN,
        Column("amount", "float64", "Amount asked for", "currency units", minimum=0.0),
        Column("term_months", "int64", "Time to repay", "months", minimum=1),
    ),
    key=("application_id",),
    time="event_timestamp",
    references=(("user_id", "users"),),
)

LOAN_OUTCOMES = Table(
    "loan_outcomes",
    (
        _id("application_id", "Application that the outcome is about"),
        Column("defaulted", "bool", "Whether the loan defaulted"),
        _KNOWN,
    ),
    key=("application_id", "outcome_timestamp"),
    time="outcome_timestamp",
    references=(("application_id", "loans"),),
)

FEEDBACK = Table(
    "feedback",
    (
        _id("decision_id", "Decision that something was shown by"),
        _USER,
        _id("item_id", "What was shown: a merchant"),
        Column("kind", "string", "What became of it: impression (it was seen), click"),
        _WHEN,
    ),
    key=("decision_id", "item_id", "kind"),
    time="event_timestamp",
)

TABLES = {
    table.name: table
    for table in (
        MERCHANTS,
        USERS,
        TRANSACTIONS,
        OUTCOMES,
        BUREAU,
        LOANS,
        LOAN_OUTCOMES,
        FEEDBACK,
    )
}
"""Every contract table, in an order in which references come first."""
