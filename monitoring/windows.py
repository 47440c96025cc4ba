"""Windows of event time, and the decisions of the ledger that fall into one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitoring.answers import ANSWERS

if TYPE_CHECKING:
    import pandas as pd

    from components.common.ledger import Ledger

SCORE = "score"
"""Column of the model's answer beside the columns of its input."""


@dataclass(frozen=True)
class Window:
    """A span of event time, `since` included and `until` not. UTC."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    def key(self, version: str) -> str:
        """Names a verdict: this span, seen by that champion."""
        return f"{self.since:%Y-%m-%dT%H:%MZ}/{self.until:%Y-%m-%dT%H:%MZ}/v{version}"


def windows_between(
    first: datetime, until: datetime, days: int, timezone: str
) -> tuple[Window, ...]:
    """Complete windows of whole local days, from the day of `first` to the last midnight ≤ `until`.

    Local days, because a day of the business is one: hours and weekdays are local, too.
    """
    return tuple(_windows(first, until, days, ZoneInfo(timezone)))


def _windows(first: datetime, until: datetime, days: int, zone: ZoneInfo) -> Iterator[Window]:
    midnight = first.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    while True:
        following = midnight + timedelta(days=days)  # wall time: right where clocks change, too
        if following > until:
            return
        yield Window(midnight.astimezone(UTC), following.astimezone(UTC))
        midnight = following


def first_event(
    ledger: Ledger, domain: str, model: str, recorded_since: datetime
) -> datetime | None:
    """Event time of the earliest decision that was written since the champion reigns."""
    found = ledger.rows(
        f"SELECT min(event_timestamp) AS first FROM {ANSWERS} AS answers "  # noqa: S608 - names of ours
        "WHERE domain = ? AND model = ? AND recorded_at >= ?",
        domain,
        model,
        recorded_since,
    )[0]["first"]
    return datetime.fromisoformat(found) if found else None


def decisions_in(
    ledger: Ledger,
    domain: str,
    model: str,
    version: str,
    window: Window,
    columns: Sequence[str],
    recorded_since: datetime,
) -> pd.DataFrame:
    """Inputs of a window's decisions (float64, null is NaN), and `score` where `version` gave it.

    Every arm counts for the inputs: they are the world's, whoever answered. The ledger keeps them
    under `inputs` of `Decision.features`, and what other models said as their own answers.
    """
    import pandas as pd

    rows = ledger.rows(
        f"SELECT decision_id, features, score, version, error FROM {ANSWERS} AS answers "  # noqa: S608 - names of ours
        "WHERE domain = ? AND model = ? "
        "AND event_timestamp >= ? AND event_timestamp < ? AND recorded_at >= ? ORDER BY seq",
        domain,
        model,
        window.since,
        window.until,
        recorded_since,
    )
    said = _said(ledger, domain, window, columns)
    inputs = [
        json.loads(row["features"])["inputs"] | said.get(row["decision_id"], {}) for row in rows
    ]
    frame = pd.DataFrame(
        {name: [_number(values.get(name)) for values in inputs] for name in columns}
    )
    frame[SCORE] = [
        _number(row["score"] if row["version"] == version and row["error"] is None else None)
        for row in rows
    ]
    return frame.astype(float)


def _said(
    ledger: Ledger, domain: str, window: Window, models: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Id of a decision → model → its probability, of those among `models` that were members."""
    rows = ledger.rows(
        "SELECT members.decision_id, members.model, members.score FROM members "
        "JOIN decisions ON decisions.decision_id = members.decision_id "
        "WHERE decisions.domain = ? AND event_timestamp >= ? AND event_timestamp < ?",
        domain,
        window.since,
        window.until,
    )
    said: dict[str, dict[str, float | None]] = {}
    for row in (row for row in rows if row["model"] in models):
        said.setdefault(row["decision_id"], {})[row["model"]] = row["score"]
    return said


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
