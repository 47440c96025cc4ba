"""Online rows in Redis: one hash for each entity, with the fields of all its views."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from feature_repo.layout import Layout, View
from serving.common.online_values import (
    Found,
    Written,
    entity_key,
    read_moment,
    read_value,
    value_writer,
    write_moment,
)

if TYPE_CHECKING:
    from redis.connection import ConnectionInterface

WAIT_SECONDS = 0.25
"""How long a decision waits for Redis, for a connection as for an answer."""
_PATIENCE_SECONDS = 10.0
"""How long a batch waits that is written."""


@dataclass(frozen=True)
class _Columns:
    """Where Feast keeps a view within the hash of its entity."""

    entity: str
    names: tuple[str, ...]
    fields: tuple[bytes, ...]
    """A field for each name, then the one of the event timestamp."""
    writers: tuple[Callable[[Any], bytes], ...]
    """For each name."""
    packed: bytes
    """The fields as they go into a command."""

    @classmethod
    def of(cls, view: View) -> _Columns:
        fields = [*(_field(f"{view.name}:{name}") for name in view.features)]
        fields.append(f"_ts:{view.name}".encode())
        writers = tuple(value_writer(field) for field in view.features.values())
        packed = b"".join(map(_packed, fields))
        return cls(view.entity, tuple(view.features), tuple(fields), writers, packed)


class RedisRows:
    """Every view of an entity with one `HMGET`, and those of all entities in one round trip.

    Feast's own `RedisOnlineStore` reads an entity once per view; a test holds that both read and
    write the same. See `Rows`.
    """

    def __init__(self, address: str, layout: Layout) -> None:
        self._project = layout.project.encode()
        self._columns = {name: _Columns.of(view) for name, view in layout.views.items()}
        self._reading = _Line(address, WAIT_SECONDS)
        self._writing = _Line(address, _PATIENCE_SECONDS)

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[Found]:
        asked: dict[tuple[str, str], list[int]] = {}
        for place, (name, key) in enumerate(wanted):
            asked.setdefault((self._columns[name].entity, key), []).append(place)
        columns = [self._columns[name] for name, _ in wanted]
        commands = [
            self._command(entity, [columns[at] for at in places])
            for entity, places in asked.items()
        ]
        answers = self._reading.ask(b"".join(commands), len(commands))
        found: list[Any] = [None] * len(wanted)
        for places, answer in zip(asked.values(), answers, strict=True):
            first = 0
            for at in places:
                last = first + len(columns[at].fields)
                found[at] = _row(columns[at].names, answer[first:last])
                first = last
        return found

    def write(self, view: str, rows: Sequence[Written]) -> None:
        columns = self._columns[view]
        commands = []
        for key, moment, values in rows:
            kept = [
                write(values.get(name))
                for name, write in zip(columns.names, columns.writers, strict=True)
            ]
            parts = [b"HSET", self._hash(columns.entity, key)]
            for field, value in zip(columns.fields, (*kept, write_moment(moment)), strict=True):
                parts += (field, value)
            commands.append(b"*%d\r\n%b" % (len(parts), b"".join(map(_packed, parts))))
        self._writing.ask(b"".join(commands), len(commands))

    def knock(self) -> None:
        self._reading.ask(b"*1\r\n$4\r\nPING\r\n", 1)

    def _command(self, entity: tuple[str, str], columns: Sequence[_Columns]) -> bytes:
        """`HMGET` of some views of an entity; redis-py packs each field anew for each request."""
        count = 2 + sum(len(one.fields) for one in columns)
        head = b"*%d\r\n$5\r\nHMGET\r\n%b" % (count, _packed(self._hash(*entity)))
        return head + b"".join([one.packed for one in columns])

    def _hash(self, entity: str, key: str) -> bytes:
        return entity_key(entity, key) + self._project


class _Line:
    """One connection. `patience`: seconds to wait for it, and for each answer."""

    def __init__(self, address: str, patience: float) -> None:
        from redis import ConnectionPool

        limits = {"socket_timeout": patience, "socket_connect_timeout": patience}
        self._pool = ConnectionPool.from_url(address, **limits)
        self._connection: ConnectionInterface | None = None
        self._lock = threading.Lock()

    def ask(self, commands: bytes, count: int) -> list[Any]:
        """The answers to commands; a connection that was lost meanwhile is made anew, once."""
        from redis.exceptions import ConnectionError, TimeoutError

        with self._lock:
            fresh = self._connection is None
            try:
                return self._exchange(commands, count)
            except TimeoutError:
                self._hang_up()
                raise
            except ConnectionError:
                self._hang_up()
                if fresh:
                    raise
                return self._exchange(commands, count)
            except BaseException:
                self._hang_up()
                raise

    def _exchange(self, commands: bytes, count: int) -> list[Any]:
        if self._connection is None:
            self._connection = self._pool.make_connection()
            self._connection.connect()
        line = self._connection
        line.send_packed_command([commands])
        return [line.read_response() for _ in range(count)]

    def _hang_up(self) -> None:
        """Forget the connection: an answer may still be on its way."""
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None


def _row(names: tuple[str, ...], kept: Sequence[bytes | None]) -> Found:
    stamp = kept[-1]
    if not stamp:
        return None, {}
    return read_moment(stamp), dict(zip(names, map(read_value, kept[:-1]), strict=True))


def _field(name: str) -> bytes:
    """The field of a feature: four bytes of its murmur3 hash."""
    import mmh3

    return struct.pack("<I", mmh3.hash(name, signed=False))


def _packed(part: bytes) -> bytes:
    """A part of a command, as the protocol has it."""
    return b"$%d\r\n%b\r\n" % (len(part), part)
