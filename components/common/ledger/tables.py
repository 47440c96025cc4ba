"""What the ledger holds, declared once: a kind of record is a dataclass and a line here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter
from types import UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from components.common.ledger.chain import Value
from components.common.records import (
    Decision,
    Erasure,
    Event,
    Feedback,
    Member,
    Outcome,
    Record,
    Shadow,
)

R = TypeVar("R", bound=Record)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: the same value has the same bytes."""
    return _CANONICAL.encode(value)


@dataclass(frozen=True)
class Column:
    """A field of a record as a column: TEXT, REAL or INTEGER."""

    name: str
    kind: type
    nullable: bool

    @property
    def sql(self) -> Literal["TEXT", "REAL", "INTEGER"]:
        """Its type in SQLite."""
        return {float: "REAL", int: "INTEGER", bool: "INTEGER"}.get(self.kind, "TEXT")  # type: ignore[return-value]


@dataclass(frozen=True)
class LedgerTable(Generic[R]):
    """Where a kind of record is kept."""

    record: type[R]
    name: str
    unique: tuple[tuple[str, ...], ...]
    """What names a record: one that is there already is left alone."""
    indexes: Mapping[str, tuple[str, ...]]
    """Name → columns."""
    of_person: str | None = None
    """SQL condition of the rows that belong to a person, with one `?` for the pseudonym."""
    of_people: str = "TRUE"
    """SQL condition of the rows that belong to anybody, where `of_person` is given."""

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The fields of the record, in their order."""
        hints = get_type_hints(self.record)
        return tuple(_column(field.name, hints[field.name]) for field in fields(self.record))  # type: ignore[arg-type]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def insert(self) -> str:
        """The statement that adds a row: seq, the columns, salt, link."""
        marks = ", ".join("?" * (len(self.names) + 3))
        names = ", ".join(self.names)
        return (
            f"INSERT INTO {self.name} (seq, {names}, salt, link) VALUES ({marks}) "  # noqa: S608 - names of our own dataclasses
            "ON CONFLICT DO NOTHING"
        )

    @cached_property
    def select(self) -> str:
        """The start of a query of whole records and their places (`seq`)."""
        return f"SELECT seq, {', '.join(self.names)} FROM {self.name}"  # noqa: S608 - names of our own dataclasses

    @cached_property
    def _read(self) -> Callable[[Record], tuple[Any, ...]]:
        return attrgetter(*self.names)

    @cached_property
    def _writers(self) -> tuple[Callable[[Any], Value], ...]:
        return tuple(_writer(column) for column in self.columns)

    def values(self, record: Record) -> list[Value]:
        """A record as it is stored and hashed; `TypeError` where a field is not of its type."""
        found = self._read(record)
        try:
            return [write(value) for write, value in zip(self._writers, found, strict=True)]
        except (TypeError, AttributeError, ValueError) as error:
            raise TypeError(f"A row of {self.name} cannot be {record!r:.300}") from error

    def restore(self, row: Mapping[str, Any]) -> R:
        """The record of a row."""
        values = {
            column.name: value if value is None else _READERS.get(column.kind, _same)(value)
            for column, value in ((column, row[column.name]) for column in self.columns)
        }
        return self.record(**values)


def _column(name: str, hint: Any) -> Column:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    (kind,) = (option for option in options if option is not type(None))
    kind = {Literal: str, dict: dict}.get(get_origin(kind), kind)
    return Column(name, kind, nullable=type(None) in options)


def utc_text(moment: datetime) -> str:
    """A moment as the ledger keeps it: text that sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _text(value: Any) -> str:
    return value if value.__class__ is str else str.__str__(value)


def _real(value: Any) -> float | None:
    number = value + 0.0  # also: an int is hashed as the float that comes back, -0.0 as 0.0
    return number if number == number else None  # databases keep no NaN


def _writer(column: Column) -> Callable[[Any], Value]:
    write = _WRITERS[column.kind]
    return (lambda value: None if value is None else write(value)) if column.nullable else write


_WRITERS: dict[type, Callable[[Any], Value]] = {
    str: _text,
    float: _real,
    int: int,
    bool: int,
    datetime: utc_text,
    dict: canonical_json,
}
_READERS: dict[type, Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    bool: bool,
    dict: json.loads,
}


def _same(value: Any) -> Any:
    return value


_OF_DECISION = "decision_id IN (SELECT decision_id FROM decisions WHERE entity_id = ?)"
_OF_SUBJECT = (
    "(domain, subject_id) IN (SELECT domain, subject_id FROM decisions WHERE entity_id = ?)"
)
_REVIEW = "kind = 'review'"
_REVIEW_OF_DECISION = (  # the key of a step is the decision's id, a slash and a number
    "kind = 'review' AND rtrim(key, '0123456789') IN "
    "(SELECT decision_id || '/' FROM decisions WHERE entity_id = ?)"
)

TABLES: tuple[LedgerTable[Any], ...] = (
    LedgerTable(
        Decision,
        "decisions",
        unique=(("decision_id",), ("domain", "subject_id")),
        indexes={
            "decisions_by_event": ("domain", "event_timestamp"),
            "decisions_by_model": ("model", "recorded_at"),
            "decisions_by_decision": ("domain", "decision"),
        },
        of_person="entity_id = ?",
    ),
    LedgerTable(
        Member,
        "members",
        unique=(("decision_id", "model"),),
        indexes={"members_by_version": ("model", "version", "recorded_at")},
        of_person=_OF_DECISION,
    ),
    LedgerTable(
        Shadow,
        "shadows",
        unique=(("decision_id", "model", "version"),),
        indexes={"shadows_by_version": ("model", "version", "recorded_at")},
        of_person=_OF_DECISION,
    ),
    LedgerTable(
        Outcome,
        "outcomes",
        unique=(("domain", "subject_id", "known_at", "source"),),
        indexes={},
        of_person=_OF_SUBJECT,
    ),
    LedgerTable(
        Feedback,
        "feedback",
        unique=(("decision_id", "item_id", "kind"),),
        indexes={"feedback_by_domain": ("domain", "kind", "happened_at")},
        of_person="entity_id = ?",
    ),
    LedgerTable(
        Event,
        "events",
        unique=(("kind", "model", "key"),),
        indexes={},
        of_person=_REVIEW_OF_DECISION,
        of_people=_REVIEW,
    ),
    LedgerTable(Erasure, "erasures", unique=(("erasure_id",),), indexes={}),
)

_BY_RECORD = {table.record: table for table in TABLES}


def table_of(record: type[R]) -> LedgerTable[R]:
    """Where records of that kind are kept."""
    return _BY_RECORD[record]
