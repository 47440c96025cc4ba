"""Online rows in SQLite: a table for each view, and in it a row for each feature of an entity."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from feature_repo.layout import Layout
from serving.common.online_values import (
    Found,
    Written,
    entity_key,
    read_value,
    value_writer,
)

_WAIT_SECONDS = 10.0
"""Of a writer for another one; a reader waits for nobody."""


class SqliteRows:
    """One connection to the file of Feast's `SqliteOnlineStore`; see `Rows`."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path = path
        self._views = layout.views
        self._tables = {name: f'"{layout.project}_{name}"' for name in layout.views}
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[Found]:
        with self._lock:
            return [self._fetch(self._opened(), name, key) for name, key in wanted]

    def write(self, view: str, rows: Sequence[Written]) -> None:
        sql = (
            f"INSERT INTO {self._tables[view]} "  # noqa: S608 - a name of ours
            "(entity_key, feature_name, value, event_ts, created_ts) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (entity_key, feature_name) DO UPDATE SET value = excluded.value, "
            "event_ts = excluded.event_ts, created_ts = excluded.created_ts"
        )
        known = self._views[view]
        writers = {name: value_writer(field) for name, field in known.features.items()}
        now = _seconds(datetime.now(UTC))
        lines = [
            (entity_key(known.entity, key), name, write(values.get(name)), _seconds(moment), now)
            for key, moment, values in rows
            for name, write in writers.items()
        ]
        with self._lock, self._opened() as connection:
            connection.executemany(sql, lines)

    def knock(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._opened().execute("PRAGMA schema_version")

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=rw",  # a reader makes no file
                uri=True,
                timeout=_WAIT_SECONDS,
                check_same_thread=False,
            )
        return self._connection

    def _fetch(self, connection: sqlite3.Connection, name: str, key: str) -> Found:
        sql = f"SELECT feature_name, value, event_ts FROM {self._tables[name]} WHERE entity_key = ?"  # noqa: S608 - a name of ours
        found = connection.execute(sql, [entity_key(self._views[name].entity, key)]).fetchall()
        if not found:
            return None, {}
        return _moment(found[-1][2]), {feature: read_value(value) for feature, value, _ in found}


def _seconds(moment: datetime) -> int:
    """A moment as Feast writes it: whole seconds, of its UTC clock taken for the local one."""
    return int(moment.astimezone(UTC).replace(tzinfo=None).timestamp())


def _moment(seconds: int) -> datetime:
    """The moment that `_seconds` wrote, on the same host."""
    return datetime.fromtimestamp(seconds).replace(tzinfo=UTC)
