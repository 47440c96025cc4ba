"""Pseudonyms of people and their devices, given at the edge before anything is written."""

from __future__ import annotations

import hmac
from collections.abc import MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import pyarrow as pa


def pseudonymise(raw: str, key: bytes) -> str:
    """The pseudonym of an id: the first 16 bytes, in hex, of its HMAC-SHA256 under `key`.

    The same id has the same pseudonym for as long as the key stays, and nobody without the key can
    try ids until one fits.
    """
    keyed = _keyed(key).copy()
    keyed.update(raw.encode())
    return keyed.hexdigest()[:32]


@lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    """A digest that has seen the key only; it is copied, never continued."""
    return hmac.new(key, digestmod="sha256")


def pseudonymise_column(
    column: pa.Array, key: bytes, known: MutableMapping[str, str]
) -> pa.StringArray:
    """The pseudonyms of a string column, nulls kept; each distinct id is hashed once.

    `known` remembers id → pseudonym between the batches of one column and lives in memory only.
    """
    import pyarrow as pa  # whoever serves gives pseudonyms one by one

    encoded = column.dictionary_encode()
    raw_ids = cast("list[str]", encoded.dictionary.to_pylist())
    for raw in raw_ids:
        if raw not in known:
            known[raw] = pseudonymise(raw, key)
    pseudonyms = pa.array([known[raw] for raw in raw_ids], pa.string())
    return cast("pa.StringArray", pseudonyms.take(encoded.indices))
