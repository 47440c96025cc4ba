"""A verdict: yes or no, with its reasons. Acting on it is somebody else's function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """What a suite, a gate or a check says.

    `reasons` are sentences for people: why not where `ok` is false, what was noticed where it is
    true. `details` holds the numbers behind them, ready for JSON.
    """

    ok: bool
    reasons: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The verdict as one JSON object."""
        return {**asdict(self), "reasons": list(self.reasons)}


def combine(verdicts: Iterable[tuple[str, Verdict]]) -> Verdict:
    """One verdict over named parts: ok where every part is; details by name of the part."""
    parts = tuple(verdicts)
    return Verdict(
        ok=all(verdict.ok for _, verdict in parts),
        reasons=tuple(reason for _, verdict in parts for reason in verdict.reasons),
        details={name: {"ok": verdict.ok, **verdict.details} for name, verdict in parts},
    )
