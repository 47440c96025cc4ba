"""The hash chain: every row commits to its content and to all rows before it.

    commitment = SHA-256(salt ‖ table seq ‖ value …)     salt: 16 random bytes per row
    link       = SHA-256(link before ‖ commitment)

A row keeps its salt and its link. Where the content is erased its salt goes too, and only the
commitment stays: it carries the chain on, and without the salt nobody can try contents against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

GENESIS = bytes(32)
"""What the first row links to."""
SALT_BYTES = 16
Value = str | float | int | None


def commit(salt: bytes, table: str, seq: int, values: Sequence[Value]) -> bytes:
    """What a row promises to hold, without telling it. 32 bytes.

    Hashed are the salt, `table seq`, and each value as `kind length:text` (UTF-8); the kind is
    s (text), f (float), i (int) or n (none), and a number is spelled so that it reads back equal.
    """
    said = [
        f"s{len(value)}:{value}" if value.__class__ is str else _number(value)  # type: ignore[arg-type]
        for value in values
    ]
    return sha256(salt + f"{table} {seq}{''.join(said)}".encode()).digest()


def _number(value: Value) -> str:
    if value is None:
        return "n0:"
    text = repr(value)
    return f"{'f' if isinstance(value, float) else 'i'}{len(text)}:{text}"


def follow(before: bytes, commitment: bytes) -> bytes:
    """The link of a row after a row. 32 bytes."""
    return sha256(before + commitment).digest()
