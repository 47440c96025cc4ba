"""Whom and what features are about. Entities are named by their join key."""

from __future__ import annotations

from feast import Entity, ValueType


def entity(join_key: str) -> Entity:
    """The entity of that join key, a string."""
    return Entity(name=join_key, join_keys=[join_key], value_type=ValueType.STRING)
