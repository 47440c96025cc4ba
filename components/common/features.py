"""The Feature type: what a feature means and, side by side, how both engines compute it."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

EVENT_TTL = timedelta(days=1)
"""A row of an event is found by its own id at its own time."""
MIDNIGHT_TTL = timedelta(days=7)
"""A row is that of the last midnight; one that is a week old says too little, and null says so."""
CHANGE_TTL = timedelta(0)
"""A row says what holds until the next one, whatever its age; Feast takes nothing for no limit."""

FeatureType = Literal["float64", "int64"]


@dataclass(frozen=True)
class Feature:
    """One feature: what it means and, side by side, how both engines compute it."""

    name: str
    group: str
    """Feature table that holds it."""
    unit: str
    description: str
    offline: str
    """DuckDB expression over the columns that the table's engine prepares."""
    online: Callable[[Any], float | None] | None = None
    """The same for one request; none where the feature is only made in batch."""
    type: FeatureType = "float64"
    rounding: float = 1e-9
    """Largest difference of the two engines that is rounding, in units of the feature."""


@dataclass(frozen=True)
class FeatureTable:
    """Features of one entity, kept in one parquet file `<name>.parquet`.

    Columns: the entity, `event_timestamp` (UTC; the row holds what was known strictly before it),
    `created`, then the features in order. Rows of an entity lie together, oldest first.
    """

    name: str
    entity: str
    description: str
    features: tuple[Feature, ...]
    cadence: Literal["event", "midnight", "change"]
    """When a row is made: with an event, at midnights, or at the midnight after something changed,
    where it holds until the next one."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def expressions(self, leave: Container[str] = ()) -> str:
        """The select list of the features, but for those to be left out."""
        return ", ".join(
            f"({f.offline})::DOUBLE AS {f.name}" for f in self.features if f.name not in leave
        )
