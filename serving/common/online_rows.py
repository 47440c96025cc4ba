"""Rows of several online views in one go: by Feast's provider, or from Redis in one round trip."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView
    from redis.connection import ConnectionInterface

WAIT_SECONDS = 0.25
"""How long a decision waits for Redis, for a connection as for an answer."""

Found = tuple[datetime | None, dict[str, Any]]
"""(event timestamp, values) of one entity; no timestamp where there is no row."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rows(Protocol):
    """Reads what Feast has written. Raises whatever the store raises."""

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[Found]:
        """The row of each (view, entity id), in that order."""
        ...

    def knock(self) -> None:
        """Raise where the store does not answer; connect anew where it does."""
        ...


def rows_of(store: FeatureStore, views: dict[str, FeatureView], address: str | None) -> Rows:
    """The reader for an open feature store; `address` is that of Redis, where it is used."""
    if address is None:
        return ProviderRows(store, views)
    return RedisRows(store, views, address)


class ProviderRows:
    """One read per view, through the interface that every online store of Feast has."""

    def __init__(self, store: FeatureStore, views: dict[str, FeatureView]) -> None:
        self._store = store
        self._views = views
        self._provider = store.provider  # connects now rather than in the first request

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[Found]:
        return [self._fetch(self._views[name], key) for name, key in wanted]

    def knock(self) -> None:
        """The file is opened with the store."""

    def _fetch(self, view: FeatureView, key: str) -> Found:
        ((moment, values),) = self._provider.online_read(
            self._store.config, view, [_entity(view.join_keys[0], key)]
        )
        return moment, {name: _python(value) for name, value in (values or {}).items()}


@dataclass(frozen=True)
class _Columns:
    """Where Feast keeps a view within the hash of its entity."""

    join_key: str
    names: tuple[str, ...]
    fields: tuple[bytes, ...]
    """A field for each name, then the one of the event timestamp."""


class RedisRows:
    """Every view of an entity with one `HMGET`, and those of all entities in one round trip.

    Feast keeps an entity as one hash and reads it once per view; the layout is that of its
    `RedisOnlineStore`, and a test holds that both read the same.
    """

    def __init__(self, store: FeatureStore, views: dict[str, FeatureView], address: str) -> None:
        from redis import ConnectionPool

        self._version = store.config.entity_key_serialization_version
        self._project = store.project.encode()
        self._columns = {name: _columns(view) for name, view in views.items()}
        limits = {"socket_timeout": WAIT_SECONDS, "socket_connect_timeout": WAIT_SECONDS}
        self._pool = ConnectionPool.from_url(address, **limits)
        self._connection: ConnectionInterface | None = None
        self._lock = threading.Lock()

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[Found]:
        asked: dict[tuple[str, str], list[int]] = {}
        for place, (name, key) in enumerate(wanted):
            asked.setdefault((self._columns[name].join_key, key), []).append(place)
        commands = [
            (b"HMGET", self._hash(*entity), *self._fields(wanted, places))
            for entity, places in asked.items()
        ]
        found: dict[int, Found] = {}
        for places, answer in zip(asked.values(), self._ask(commands), strict=True):
            first = 0
            for at in places:
                columns = self._columns[wanted[at][0]]
                found[at] = _row(columns.names, answer[first : first + len(columns.fields)])
                first += len(columns.fields)
        return [found[place] for place in range(len(wanted))]

    def knock(self) -> None:
        self._ask([(b"PING",)])

    def _fields(self, wanted: Sequence[tuple[str, str]], places: Sequence[int]) -> list[bytes]:
        fields: list[bytes] = []
        for at in places:
            fields += self._columns[wanted[at][0]].fields
        return fields

    def _hash(self, join_key: str, key: str) -> bytes:
        from feast.infra.key_encoding_utils import serialize_entity_key

        return serialize_entity_key(_entity(join_key, key), self._version) + self._project

    def _ask(self, commands: Sequence[tuple[bytes, ...]]) -> list[Any]:
        """The answers to commands; a connection that was lost meanwhile is made anew, once."""
        from redis.exceptions import ConnectionError, TimeoutError

        with self._lock:
            fresh = self._connection is None
            try:
                return self._exchange(commands)
            except TimeoutError:
                self._hang_up()
                raise
            except ConnectionError:
                self._hang_up()
                if fresh:
                    raise
                return self._exchange(commands)
            except BaseException:
                self._hang_up()
                raise

    def _exchange(self, commands: Sequence[tuple[bytes, ...]]) -> list[Any]:
        if self._connection is None:
            self._connection = self._pool.make_connection()
            self._connection.connect()
        line = self._connection
        line.send_packed_command(line.pack_commands(commands))
        return [line.read_response() for _ in commands]

    def _hang_up(self) -> None:
        """Forget the connection: an answer may still be on its way."""
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None


def _columns(view: FeatureView) -> _Columns:
    from feast.infra.online_stores.helpers import _mmh3

    names = tuple(feature.name for feature in view.features)
    stamp = f"_ts:{view.name}".encode()
    return _Columns(
        view.join_keys[0], names, (*(_mmh3(f"{view.name}:{name}") for name in names), stamp)
    )


def _row(names: tuple[str, ...], kept: Sequence[bytes | None]) -> Found:
    from feast.protos.feast.types.Value_pb2 import Value

    stamp = kept[-1]
    if not stamp:
        return None, {}
    values = zip(names, kept[:-1], strict=True)
    return _moment(stamp), {
        name: _python(Value.FromString(value)) if value else None for name, value in values
    }


def _moment(stamp: bytes) -> datetime:
    from google.protobuf.timestamp_pb2 import Timestamp

    read = Timestamp.FromString(stamp)
    return _EPOCH + timedelta(seconds=read.seconds, microseconds=read.nanos // 1000)


def _entity(join_key: str, key: str) -> Any:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    return EntityKey(join_keys=[join_key], entity_values=[Value(string_val=key)])


def _python(value: Any) -> Any:
    kind = value.WhichOneof("val")
    if kind is None:
        return None
    held = getattr(value, kind)
    return list(held.val) if kind.endswith("_list_val") else held
