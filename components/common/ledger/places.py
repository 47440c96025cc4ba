"""Places of the ledger, many of them in little room: as [first, last] pairs."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Places:
    """A set of places; spans are sorted and do not touch."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, places: Iterable[int]) -> Places:
        """From places in any order."""
        return cls.joined((place, place) for place in places)

    @classmethod
    def of_bodies(cls, bodies: Iterable[str]) -> Places:
        """From bodies of erasure records."""
        return cls.joined(
            (first, last) for body in bodies for first, last in json.loads(body)["rows"]
        )

    @classmethod
    def joined(cls, spans: Iterable[tuple[int, int]]) -> Places:
        """From spans in any order."""
        joined: list[tuple[int, int]] = []
        for first, last in sorted(spans):
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
            else:
                joined.append((first, last))
        return cls(tuple(joined))

    def __contains__(self, place: int) -> bool:
        at = bisect_right(self.spans, (place, float("inf"))) - 1
        return at >= 0 and self.spans[at][0] <= place <= self.spans[at][1]

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.spans)
