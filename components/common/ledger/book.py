"""The ledger: records go in together, are durable on return, and are read in order of writing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import SecretStr

from components.common.ledger.postgres import PostgresStore
from components.common.ledger.sqlite import SqliteStore
from components.common.ledger.store import Durability, Store
from components.common.ledger.tables import table_of, utc_text
from components.common.ledger.writing import Writing
from components.common.records import Decision, Event, EventKind, Outcome, Record, Shadow
from components.common.settings import Settings

R = TypeVar("R", bound=Record)


class Named(NamedTuple):
    """A decision by name, and its place in the ledger."""

    seq: int
    domain: str
    entity_id: str
    decision_id: str


class Begun:
    """Records that stand in an open transaction; nobody else can write until it is committed."""

    def __init__(self, written: list[bool], transaction: ExitStack) -> None:
        self._written = written
        self._transaction = transaction

    def commit(self) -> list[bool]:
        """Make them durable, from any thread; as `Ledger.append`."""
        self._transaction.close()
        return self._written


class Ledger:
    """The append-only record. Safe to share between threads and processes.

    `where` is a file, or the address of a PostgreSQL database.
    `patience` is how many seconds it waits for another writer before it gives up; `durability`
    says what a written record survives: `disk` a power cut, `process` the end of the process.
    """

    def __init__(
        self, where: Path | SecretStr, patience: float = 30.0, durability: Durability = "disk"
    ) -> None:
        self._lock = threading.Lock()
        self._store: Store = open_store(where, patience, durability)

    def close(self) -> None:
        """Close the file; the ledger cannot be used afterwards."""
        self._store.close()

    def append(self, records: Sequence[Record]) -> list[bool]:
        """Write records in one transaction, durable on return; False where one was there already.

        Raises `FinloopError("ledger_unavailable")` and writes nothing where the disk refuses.
        """
        with self.writing() as (_, writing):
            return writing.add(records)

    def begin(self, records: Sequence[Record]) -> Begun | None:
        """As `append` up to the commit, where nobody has to be waited for.

        None, and nothing begun, where that is not so or the records cannot be written: `append`
        waits, or says what is wrong.
        """
        if not self._store.near or not self._lock.acquire(blocking=False):
            return None
        try:
            with ExitStack() as stack:
                stack.callback(self._lock.release)
                stack.enter_context(self._store.writing(wait=False))
                writing = Writing(self._store)
                written = writing.add(records)
                writing.finish()
                return Begun(written, stack.pop_all())
        except Exception:  # noqa: BLE001 - rolled back; `append` meets it again and raises it
            return None

    @contextmanager
    def writing(self) -> Iterator[tuple[Store, Writing]]:
        """One transaction as the only writer, for what reads before it adds to the chain."""
        with self._lock, self._store.writing():
            writing = Writing(self._store)
            yield self._store, writing
            writing.finish()

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """Read many things of one moment."""
        with self._lock, self._store.reading():
            yield self._store

    def forget_removed(self) -> None:
        """Leave no copy of removed rows in the files, as far as the database can."""
        with self._lock:
            self._store.forget_removed()

    def tidy(self) -> None:
        """Do beside the writers what one of their commits would have to do now and then."""
        with self._lock:
            self._store.tidy()

    def decision(self, decision_id: str) -> Decision | None:
        """The decision of that id."""
        return next(self.decisions("decision_id = ?", decision_id), None)

    def decision_on(self, domain: str, subject_id: str) -> Decision | None:
        """What was decided on a subject."""
        return next(self.decisions("domain = ? AND subject_id = ?", domain, subject_id), None)

    def decisions(self, where: str = "TRUE", *values: object) -> Iterator[Decision]:
        """Decisions in the order of writing; `where` is SQL of ours with `?` for each value."""
        return self.select(Decision, where, *values)

    def shadows(self, where: str = "TRUE", *values: object) -> Iterator[Shadow]:
        """Shadow scores in the order of writing."""
        return self.select(Shadow, where, *values)

    def outcomes(self, where: str = "TRUE", *values: object) -> Iterator[Outcome]:
        """Outcomes in the order of writing."""
        return self.select(Outcome, where, *values)

    def events(self, kind: EventKind | None = None, model: str | None = None) -> list[Event]:
        """Events in the order of writing, of one kind and model where given."""
        where = "kind = coalesce(?, kind) AND model = coalesce(?, model)"
        return list(self.select(Event, where, kind, model))

    def select(self, kind: type[R], where: str = "TRUE", *values: object) -> Iterator[R]:
        """Records of any kind in the order of writing."""
        table = table_of(kind)
        found = self.rows(f"{table.select} WHERE {where} ORDER BY seq", *values)
        return (table.restore(row) for row in found)

    def decisions_after(self, position: int, limit: int) -> list[tuple[int, Decision]]:
        """At most `limit` decisions written after `position`, each with its own position.

        Positions grow in the order of commits, so a follower that keeps the last one misses none.
        """
        table = table_of(Decision)
        sql = f"{table.select} WHERE seq > ? ORDER BY seq LIMIT ?"
        return [(row["seq"], table.restore(row)) for row in self.rows(sql, position, limit)]

    def names_after(self, position: int, limit: int) -> list[Named]:
        """As `decisions_after`, without what the decisions hold."""
        sql = (
            "SELECT seq, domain, entity_id, decision_id FROM decisions WHERE seq > ? "
            "ORDER BY seq LIMIT ?"
        )
        return [Named(**row) for row in self.rows(sql, position, limit)]

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of a read-only query of ours with `?` for each value."""
        bound = [utc_text(value) if isinstance(value, datetime) else value for value in values]
        with self._lock:
            return self._store.rows(sql, bound)


def open_store(where: Path | SecretStr, patience: float, durability: Durability) -> Store:
    """The database behind a ledger."""
    if isinstance(where, SecretStr):
        return PostgresStore(where.get_secret_value(), patience, durability)
    return SqliteStore(where, patience, durability)


def open_ledger(settings: Settings, patience: float = 30.0) -> Ledger:
    """The ledger of an installation."""
    where = settings.ledger_url or settings.ledger
    return Ledger(where, patience, settings.ledger_durability)


def has_ledger(settings: Settings) -> bool:
    """Whether anything may have been recorded there."""
    return settings.ledger_url is not None or settings.ledger.exists()
