"""The ledger in one SQLite file (WAL): the embedded profile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.common.ledger import older
from components.common.ledger.schema import REFUSED, Dialect, indexes, tables
from components.common.ledger.store import Durability, busy, out_of_order
from components.common.ledger.tables import TABLES

SQLITE = Dialect(
    types={"TEXT": "TEXT", "REAL": "REAL", "INTEGER": "INTEGER"},
    key="INTEGER",
    binary="BLOB",
    suffix="STRICT",
)
_SYNCHRONOUS = {"disk": "FULL", "process": "NORMAL"}
"""FULL syncs the log before a commit returns; NORMAL leaves it to the system's cache, which a
killed process does not take along and a power cut does."""
_CACHE_KB = 16_384
"""Pages in memory: new rows go to places all over the indexes of a ledger of millions."""
_CHECKPOINT_PAGES = 4_000
"""Length of the log (16 MB) at which a commit copies into the file what `tidy` has not: a
decision is about twenty pages, and most are in the log many times by then, and copied once."""
_IN_THE_WAY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)
_RETRY_SECONDS = 0.05


class SqliteStore:
    """One connection to the file. `patience`: seconds to wait for another writer."""

    near = True

    def __init__(self, path: Path, patience: float, durability: Durability) -> None:
        self._patience = patience
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=patience, isolation_level=None, check_same_thread=False
            )
            self._db.row_factory = sqlite3.Row
            patiently(lambda: self._open(durability), patience)
        except (sqlite3.Error, OSError) as error:
            raise _told(error) from error

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Rows of a query."""
        with _errors_told():
            return [dict(row) for row in self._db.execute(sql, values).fetchall()]

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """How many rows a statement changed."""
        with _errors_told():
            return self._db.execute(sql, values).rowcount

    @contextmanager
    def writing(self, wait: bool = True) -> Iterator[None]:
        """A transaction of the only writer."""
        with self._transaction("BEGIN IMMEDIATE", wait):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A snapshot."""
        with self._transaction("BEGIN"):
            yield

    def forget_removed(self) -> None:
        """Empty the log into the file, where freed pages were overwritten with zeros."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def tidy(self) -> None:
        """Copy the log into the file as far as nobody has to wait for it.

        The second time takes what was written during the first, and mostly nothing is left then.
        """
        for _ in range(2):
            self.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self, begin: str, wait: bool = True) -> Iterator[None]:
        with _errors_told():
            if wait:
                patiently(lambda: self._db.execute(begin), self._patience)
            else:
                self._begin_at_once(begin)
        try:
            yield
            self.execute("COMMIT")
        except BaseException:  # also Ctrl-C: a lock left behind would stop every other writer
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _begin_at_once(self, begin: str) -> None:
        self._db.execute("PRAGMA busy_timeout = 0")
        try:
            self._db.execute(begin)
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {int(self._patience * 1000)}")

    def _open(self, durability: Durability) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={_SYNCHRONOUS[durability]}")
        self._db.execute("PRAGMA secure_delete=ON")
        self._db.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        self._db.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        self._prepare()

    def _prepare(self) -> None:
        wanted = [*tables(SQLITE), *indexes(), *_triggers()]
        if {name for name, _ in wanted} <= self._present():
            return  # the usual case: opening takes no lock
        with self._transaction("BEGIN IMMEDIATE"):
            older_layout = older.set_aside(self)
            for _, statement in wanted:
                self.execute(statement)
            older.take_up(self, older_layout)

    def _present(self) -> set[str]:
        return {row["name"] for row in self._db.execute("SELECT name FROM sqlite_master")}


def patiently(act: Callable[[], object], seconds: float) -> None:
    """Do something that another connection may be in the way of, again until the time is up.

    SQLite waits for a writer by itself, but not where two switch a new file to the log, nor longer
    than ten seconds for one whose disk is slow to begin or recover it. Raises what `act` raises.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            act()
        except sqlite3.OperationalError as error:
            if not _in_the_way(error) or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_RETRY_SECONDS)


def _in_the_way(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _IN_THE_WAY  # the rest says which kind of busy


def _triggers() -> Iterator[tuple[str, str]]:
    """Nothing is changed, and nothing goes but what an erasure has named in `erased`."""
    for table in TABLES:
        yield _trigger(table.name, "update")
        erased = "NOT EXISTS (SELECT 1 FROM erased WHERE seq = OLD.seq)"
        yield _trigger(table.name, "delete", erased)
    yield _trigger("erased", "update")
    yield _trigger("erased", "delete")
    yield _trigger("segments", "update", "OLD.sealed_at IS NOT NULL")
    yield _trigger("segments", "delete")


def _trigger(table: str, verb: str, when: str = "TRUE") -> tuple[str, str]:
    name = f"{table}_no_{verb}"
    return name, (
        f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table} WHEN {when} "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
    )


@contextmanager
def _errors_told() -> Iterator[None]:
    """A file or disk that fails is told to people; a mistake of ours stays what it is."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.Error as error:
        raise _told(error) from error


def _told(error: Exception) -> Exception:
    return busy() if _in_the_way(error) else out_of_order(error)
