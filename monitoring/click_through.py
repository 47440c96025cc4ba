"""How many of the things that were shown were followed, by version and arm."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitoring.sequential import rate_bounds

if TYPE_CHECKING:
    from components.common.domain import Domain, ModelSpec
    from components.common.ledger import Ledger

ALPHA = 0.05
_SHOWN = """
SELECT d.version, d.arm, count(DISTINCT d.decision_id) AS lists,
       sum(CASE WHEN f.kind = 'click' THEN 1 ELSE 0 END) AS clicks,
       count(DISTINCT f.decision_id || '/' || f.item_id) AS shown
FROM decisions d LEFT JOIN feedback f
  ON f.decision_id = d.decision_id AND f.recorded_at <= ?
WHERE d.domain = ? AND d.model = ? AND d.version IS NOT NULL AND d.error IS NULL
  AND d.event_timestamp <= ? AND d.recorded_at >= ?
GROUP BY d.version, d.arm ORDER BY d.version, d.arm
"""
"""What was clicked was seen, whether its impression was reported or not."""
_EVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class ClickRules:
    """What feedback on lists is worth, and how much is needed to speak."""

    minimum_shown: int
    """Things seen that an arm needs."""
    declined: tuple[str, ...]
    """Decisions that showed nothing."""

    def measure(
        self, ledger: Ledger, domain: Domain, spec: ModelSpec, until: datetime
    ) -> tuple[ClickThrough, ...]:
        """The click-through of every version and arm of a model up to a moment."""
        return click_through(ledger, domain.name, spec.name, until, self.minimum_shown)


@dataclass(frozen=True)
class ClickThrough:
    """What became of the lists of one version in one arm."""

    version: str
    arm: str
    lists: int
    shown: int
    """Things that were seen on them."""
    clicks: int
    enough: bool
    rate: float | None = None
    """Clicks over what was seen; None where nothing was."""
    low: float | None = None
    high: float | None = None
    """Bounds of the rate that hold however often one looks (95 %)."""

    @property
    def sentence(self) -> str:
        """The finding in words."""
        of = f"Version {self.version} ({self.arm}): {self.clicks:,} clicks on {self.shown:,} seen"
        if self.rate is None:
            return f"{of}, of {self.lists:,} lists."
        words = "" if self.enough else "; not enough evidence yet"
        span = f"{self.low:.2%} to {self.high:.2%}"
        return f"{of}, {self.rate:.2%} ({span}), of {self.lists:,} lists{words}."

    def as_json(self) -> dict[str, Any]:
        """The click-through as one JSON object."""
        return asdict(self)


def click_through(
    ledger: Ledger,
    domain: str,
    model: str,
    until: datetime,
    minimum: int = 1,
    since: datetime = _EVER,
) -> tuple[ClickThrough, ...]:
    """Click-through by version and arm, of lists recorded since a moment.

    Lists of an arm that failed are left out: another one made them.
    """
    rows = ledger.rows(_SHOWN, until, domain, model, until, since)
    return tuple(_of(row, minimum) for row in rows)


def _of(row: dict[str, Any], minimum: int) -> ClickThrough:
    shown, clicks = int(row["shown"]), int(row["clicks"] or 0)
    base = (row["version"], row["arm"], int(row["lists"]), shown, clicks, shown >= minimum)
    if not shown:
        return ClickThrough(*base)
    low, high = rate_bounds(clicks, shown, ALPHA)
    return ClickThrough(*base, clicks / shown, low, high)
