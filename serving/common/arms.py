"""Which version of a model answers this request: pure, sticky, the same on every replica."""

from __future__ import annotations

import hmac
from typing import Literal

Arm = Literal["champion", "challenger"]

_RANGE = 2**64


def draw(entity_id: str, salt: str, share: float) -> Arm:
    """The arm of an entity when the challenger has this share (0 to 1) of the traffic.

    A keyed hash places every entity once and for all on [0, 1); the challenger has [0, share). A
    larger share therefore keeps everyone it had, and another salt draws anew.
    """
    return "challenger" if place(entity_id, salt) < share else "champion"


def place(entity_id: str, salt: str) -> float:
    """Where an entity stands on [0, 1): HMAC-SHA256 of its id under the salt of the rollout."""
    drawn = hmac.digest(salt.encode(), entity_id.encode(), "sha256")
    return int.from_bytes(drawn[:8], "big") / _RANGE
