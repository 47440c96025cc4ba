"""A section of a model card: sentences and a table, as plain data that any domain can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Cell = str | float | int | None


@dataclass(frozen=True)
class Section:
    """What a card says under a heading of its own."""

    title: str
    text: tuple[str, ...] = ()
    """Sentences, one paragraph each."""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    """Cells under `head`; a number is shown with four digits, None as a dash."""

    def as_json(self) -> dict[str, Any]:
        """The section as one JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Section:
        """The section that `as_json` gave."""
        rows = tuple(tuple(row) for row in told["rows"])
        return cls(told["title"], tuple(told["text"]), tuple(told["head"]), rows)
