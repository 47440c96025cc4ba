"""What Feast leaves open about an online store: readers that go on, marks, and forgetting someone.

Marks are kept in the store itself, so that they are lost with its rows: who finds another
`identity` than before knows that what was written is gone.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from components.common.errors import unavailable
from components.common.settings import Settings
from feature_repo.profiles import embedded

if TYPE_CHECKING:
    from redis import Redis

MARKS = "finloop:marks"
_WAIT_SECONDS = 10.0


class OnlineSide(Protocol):
    """One kind of online store; made without importing Feast."""

    def prepare(self) -> None:
        """Make the store ready for readers beside a writer."""
        ...

    def mark(self, name: str) -> str | None:
        """A mark of the store; None where it has none."""
        ...

    def set_mark(self, name: str, value: str, *, once: bool = False) -> None:
        """Set a mark; `once` leaves one that is there."""
        ...

    def forget(self, tables: Iterable[str], keys: Sequence[bytes]) -> int:
        """Remove the rows of entities; how many of them had any.

        tables: Feast's names of the views of that entity, with the project before them. keys:
        entities as Feast serialises them.
        """
        ...


def online_side(settings: Settings) -> OnlineSide:
    """The online store of an installation."""
    if settings.online_store is not None:
        return RedisSide(settings.online_store.get_secret_value(), embedded()["project"])
    return SqliteSide(settings.feast / embedded()["online_store"]["path"])


def identity(side: OnlineSide) -> str:
    """What tells this content from any other: drawn when first asked, lost with the rows."""
    if (known := side.mark("identity")) is None:
        side.set_mark("identity", secrets.token_hex(8), once=True)
        known = side.mark("identity")
    return known or ""


class SqliteSide:
    """A file below the home of the installation."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Have SQLite write ahead, which it remembers: a decision must not wait for a batch."""
        with self._opened() as opened:
            opened.execute("PRAGMA journal_mode = WAL")

    def mark(self, name: str) -> str | None:
        if not self._path.exists():
            return None
        with self._opened() as opened:
            if not opened.execute("PRAGMA table_info(finloop_marks)").fetchall():
                return None
            found = opened.execute("SELECT value FROM finloop_marks WHERE name = ?", [name])
            return next((value for (value,) in found), None)

    def set_mark(self, name: str, value: str, *, once: bool = False) -> None:
        clash = "NOTHING" if once else "UPDATE SET value = excluded.value"
        with self._opened() as opened:
            opened.execute(
                "CREATE TABLE IF NOT EXISTS finloop_marks (name TEXT PRIMARY KEY, value TEXT)"
            )
            opened.execute(
                f"INSERT INTO finloop_marks VALUES (?, ?) ON CONFLICT (name) DO {clash}",  # noqa: S608 - one of two texts
                [name, value],
            )

    def forget(self, tables: Iterable[str], keys: Sequence[bytes]) -> int:
        if not self._path.exists():
            return 0
        gone: set[bytes] = set()
        with self._opened() as opened:
            for table in tables:
                for key in keys:
                    sql = f'DELETE FROM "{table}" WHERE entity_key = ?'  # noqa: S608 - a name of ours
                    gone |= {key} if opened.execute(sql, [key]).rowcount else set()
            opened.commit()
            if gone:  # leave no copy behind, neither in free pages nor in the log
                opened.execute("VACUUM")
                opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(gone)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS)) as opened, opened:
                yield opened
        except sqlite3.Error as error:
            raise out_of_reach(error) from error


class RedisSide:
    """One database of a Redis server."""

    def __init__(self, address: str, project: str) -> None:
        self._address = address
        self._project = project.encode()

    def prepare(self) -> None:
        """Nothing to do: its readers never wait for a batch."""

    def mark(self, name: str) -> str | None:
        with self._opened() as redis:
            value = redis.hget(MARKS, name)
        return value.decode() if isinstance(value, bytes) else None

    def set_mark(self, name: str, value: str, *, once: bool = False) -> None:
        with self._opened() as redis:
            if once:
                redis.hsetnx(MARKS, name, value)
            else:
                redis.hset(MARKS, name, value)

    def forget(self, tables: Iterable[str], keys: Sequence[bytes]) -> int:
        """All views of an entity lie under one key there."""
        with self._opened() as redis:
            return sum(int(redis.delete(key + self._project)) for key in keys)  # type: ignore[arg-type]

    @contextmanager
    def _opened(self) -> Iterator[Redis]:
        from redis import Redis
        from redis.exceptions import RedisError

        limits = {"socket_timeout": _WAIT_SECONDS, "socket_connect_timeout": _WAIT_SECONDS}
        try:
            with Redis.from_url(self._address, **limits) as redis:
                yield redis
        except RedisError as error:
            raise out_of_reach(error) from error


def out_of_reach(error: Exception) -> Exception:
    """The one sentence about an online store that fails; it never tells the address."""
    return unavailable(
        "online_store_unavailable",
        f"The online store does not answer ({type(error).__name__}); see that what "
        "FINLOOP_ONLINE_STORE names runs and lets us in, or, without it, that the disk is whole.",
    )
