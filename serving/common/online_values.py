"""How Feast spells an entity, a moment and a value in every online store."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

Found = tuple[datetime | None, dict[str, Any]]
"""(event timestamp, values) of one entity; no timestamp where there is no row."""
Written = tuple[str, datetime, Mapping[str, Any]]
"""(entity id, event timestamp, values) of one row."""

_STRING = 2
"""Feast's number of the type of every id."""
_DOUBLE = b"\x29"
"""Before the eight bytes of a number: field 5 of the message."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_unpack_double = struct.Struct("<d").unpack_from
_DOUBLES = 0x7A
"""How a list of numbers begins: field 15."""


def entity_key(entity: str, key: str) -> bytes:
    """The key of one entity, in the serialisation of version 3."""
    name, value = entity.encode(), key.encode()
    head = struct.pack("<III", 1, _STRING, len(name))
    return b"%b%b%b%b" % (head, name, struct.pack("<II", _STRING, len(value)), value)


def read_value(kept: bytes | None) -> Any:
    """A value as it is kept; None is a null."""
    if not kept:
        return None
    if len(kept) == 9 and kept[:1] == _DOUBLE:  # most are, and a message would be made for each
        return _unpack_double(kept, 1)[0]
    if kept[0] == _DOUBLES:
        head, numbers = _numbers(len(kept) // 8)
        if kept.startswith(head):
            return list(numbers.unpack_from(kept, len(head)))
    value = _message().FromString(kept)
    kind = value.WhichOneof("val")
    if kind is None:
        return None
    held = getattr(value, kind)
    return list(held.val) if kind.endswith("_list_val") else held


@lru_cache(1024)
def _numbers(count: int) -> tuple[bytes, struct.Struct]:
    """What stands before so many numbers of a list, and how they are read."""
    numbers = struct.Struct(f"<{count}d")
    whole = _message()(double_list_val={"val": [0.0] * count}).SerializeToString()
    return whole[: len(whole) - numbers.size], numbers


def value_writer(field: str) -> Callable[[Any], bytes]:
    """What writes values that a field of Feast's message holds; `read_value` reads them."""
    message, many = _message(), field.endswith("_list_val")

    def write(value: Any) -> bytes:
        if value is None:
            return b""
        return message(**{field: {"val": value} if many else value}).SerializeToString()

    return write


@lru_cache(1024)
def read_moment(kept: bytes) -> datetime:
    """A moment as Redis keeps it; most rows are of the same midnights."""
    from google.protobuf.timestamp_pb2 import Timestamp

    read = Timestamp.FromString(kept)
    return _EPOCH + timedelta(seconds=read.seconds, microseconds=read.nanos // 1000)


def write_moment(moment: datetime) -> bytes:
    """The bytes that `read_moment` reads."""
    from google.protobuf.timestamp_pb2 import Timestamp

    written = Timestamp()
    written.FromDatetime(moment)
    return written.SerializeToString()


@cache
def _message() -> Any:
    """Feast's own `Value`, from its file: the package around it takes seconds to import."""
    package = find_spec("feast")
    if package is None or not package.submodule_search_locations:
        raise ImportError("Feast is not installed")
    folder = package.submodule_search_locations[0]
    where = Path(folder, "protos", "feast", "types", "Value_pb2.py")
    spec = spec_from_file_location("feast_value", where)
    if spec is None or spec.loader is None:
        raise ImportError(f"{where} is no module")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Value
