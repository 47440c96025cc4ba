"""The append-only record of what was decided, what turned out, and who let what go out."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from components.common.errors import unavailable
from components.common.records import Decision, Event, EventKind, Outcome, Shadow

_SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    seq INTEGER PRIMARY KEY, decision_id TEXT NOT NULL UNIQUE, domain TEXT NOT NULL,
    subject_id TEXT NOT NULL, entity_id TEXT NOT NULL, event_timestamp TEXT NOT NULL,
    recorded_at TEXT NOT NULL, model TEXT NOT NULL, version TEXT, digest TEXT, arm TEXT NOT NULL,
    score REAL, decision TEXT NOT NULL, latency_ms REAL NOT NULL, error TEXT,
    request TEXT NOT NULL, features TEXT NOT NULL, answer TEXT NOT NULL,
    UNIQUE (domain, subject_id)) STRICT;
CREATE INDEX IF NOT EXISTS decisions_by_event ON decisions (domain, event_timestamp);
CREATE INDEX IF NOT EXISTS decisions_by_model ON decisions (model, recorded_at);
CREATE TABLE IF NOT EXISTS shadows (
    seq INTEGER PRIMARY KEY, decision_id TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL,
    score REAL, decision TEXT, latency_ms REAL NOT NULL, error TEXT, recorded_at TEXT NOT NULL,
    UNIQUE (decision_id, model, version)) STRICT;
CREATE INDEX IF NOT EXISTS shadows_by_version ON shadows (model, version, recorded_at);
CREATE TABLE IF NOT EXISTS outcomes (
    seq INTEGER PRIMARY KEY, domain TEXT NOT NULL, subject_id TEXT NOT NULL, label INTEGER NOT NULL,
    known_at TEXT NOT NULL, source TEXT NOT NULL, recorded_at TEXT NOT NULL,
    UNIQUE (domain, subject_id, known_at, source)) STRICT;
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL,
    actor TEXT NOT NULL, recorded_at TEXT NOT NULL, version TEXT, body TEXT NOT NULL,
    UNIQUE (kind, model, key)) STRICT;
"""
_APPEND_ONLY = "".join(
    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
    for table in ("decisions", "shadows", "outcomes", "events")
    for verb in ("update", "delete")
)
_TABLES: dict[type, str] = {
    Decision: "decisions",
    Shadow: "shadows",
    Outcome: "outcomes",
    Event: "events",
}
Record = Decision | Shadow | Outcome | Event
R = TypeVar("R", Decision, Shadow, Outcome, Event)


class Ledger:
    """The record on SQLite (WAL, fsynced). Safe to share between threads and processes.

    `patience` is how many seconds it waits for another writer before it gives up.
    """

    def __init__(self, path: Path, patience: float = 30.0) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=patience, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA + _APPEND_ONLY)
        except (sqlite3.Error, OSError) as error:
            raise _out_of_order(error) from error
        self._db.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close the file; the ledger cannot be used afterwards."""
        self._db.close()

    def append(self, records: Sequence[Record]) -> list[bool]:
        """Write records in one transaction, durable on return; False where one was there already.

        Raises `FinloopError("ledger_unavailable")` and writes nothing where the disk refuses.
        """
        with self._lock, self._transaction():
            return [self._insert(record) for record in records]

    def decision(self, decision_id: str) -> Decision | None:
        """The decision of that id."""
        return next(self.decisions("decision_id = ?", decision_id), None)

    def decision_on(self, domain: str, subject_id: str) -> Decision | None:
        """What was decided on a subject."""
        return next(self.decisions("domain = ? AND subject_id = ?", domain, subject_id), None)

    def decisions(self, where: str = "TRUE", *values: object) -> Iterator[Decision]:
        """Decisions in the order of writing; `where` is SQL of ours with `?` for each value."""
        return self._select(Decision, where, values)

    def shadows(self, where: str = "TRUE", *values: object) -> Iterator[Shadow]:
        """Shadow scores in the order of writing."""
        return self._select(Shadow, where, values)

    def outcomes(self, where: str = "TRUE", *values: object) -> Iterator[Outcome]:
        """Outcomes in the order of writing."""
        return self._select(Outcome, where, values)

    def events(self, kind: EventKind | None = None, model: str | None = None) -> list[Event]:
        """Events in the order of writing, of one kind and model where given."""
        return list(
            self._select(
                Event, "kind = ifnull(?, kind) AND model = ifnull(?, model)", (kind, model)
            )
        )

    def decisions_after(self, position: int, limit: int) -> list[tuple[int, Decision]]:
        """At most `limit` decisions written after `position`, each with its own position.

        Positions grow in the order of commits, so a follower that keeps the last one misses none.
        """
        names = ", ".join(field.name for field in fields(Decision))
        sql = f"SELECT seq, {names} FROM decisions WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - our names
        found = self.rows(sql, position, limit)
        return [(row.pop("seq"), _from_sql(Decision, row)) for row in found]

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of a read-only query of ours with `?` for each value."""
        bound = [_to_sql(value) for value in values]
        with self._lock, _errors_in_one_sentence():
            return [dict(row) for row in self._db.execute(sql, bound).fetchall()]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _errors_in_one_sentence():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:  # also Ctrl-C: a lock left behind would stop every other writer
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _insert(self, record: Record) -> bool:
        row = {field.name: _to_sql(getattr(record, field.name)) for field in fields(record)}
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        table = _TABLES[type(record)]
        cursor = self._db.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608 - names of our own dataclasses
            tuple(row.values()),
        )
        return cursor.rowcount == 1

    def _select(self, kind: type[R], where: str, values: Sequence[object]) -> Iterator[R]:
        names = ", ".join(field.name for field in fields(kind))
        sql = f"SELECT {names} FROM {_TABLES[kind]} WHERE {where} ORDER BY seq"  # noqa: S608 - `where` is ours
        return (_from_sql(kind, row) for row in self.rows(sql, *values))


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: the same value has the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@contextmanager
def _errors_in_one_sentence() -> Iterator[None]:
    """A file or disk that fails is told to people; a mistake of ours stays what it is."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.Error as error:
        raise _out_of_order(error) from error


def _out_of_order(error: Exception) -> Exception:
    if "locked" in str(error):
        return unavailable(
            "ledger_unavailable",
            "Another process writes the ledger and has not ended in time, so nothing was written; "
            "retry in a moment.",
        )
    return unavailable(
        "ledger_unavailable",
        f"The ledger cannot be used ({error}), so nothing was written; "
        "see that its disk has room and its file is whole, then retry.",
    )


def _to_sql(value: object) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case bool():
            return int(value)
        case dict():
            return canonical_json(value)
        case _:
            return value


def _from_sql(kind: type[R], row: dict[str, Any]) -> R:
    values = dict(row)
    for name in ("event_timestamp", "recorded_at", "known_at"):
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    if kind is Event:
        values["body"] = json.loads(values["body"])
    if kind is Outcome:
        values["label"] = bool(values["label"])
    return kind(**values)
