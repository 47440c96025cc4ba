"""The company of the story: what it knew when the services opened, and what happened after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from demo.world import WorldConfig, past_of, simulate, write


@dataclass(frozen=True)
class StoryConfig:
    """How large the story is told."""

    users: int = 700
    merchants: int = 150
    history_days: int = 60
    """Days before the services open: the history that the first model learns from."""
    calm_days: int = 1
    """Days of traffic like the history."""
    drifted_days: int = 2
    """Days of traffic after the world has changed, before anybody looks."""
    later_days: int = 14
    """Days that are there for the rollouts; they end as soon as the judge has seen enough."""
    fraud_share: float = 0.008
    """Share of payments that are fraud before the drift."""
    seed: int = 7
    start: date = date(2026, 1, 5)

    @property
    def days_after(self) -> int:
        """Days that happen after the services have opened."""
        return self.calm_days + self.drifted_days + self.later_days


@dataclass(frozen=True)
class Company:
    """Everything that happened, and the moments at which the story turns."""

    tables: Mapping[str, pa.Table]
    """Contract tables as the company itself has them, sorted by time."""
    opening: datetime
    """The services open; what happened before is history."""
    drift: datetime
    """The world changes."""
    end: datetime

    @property
    def transactions(self) -> pa.Table:
        """Payments of the whole time."""
        return self.tables["transactions"]

    @property
    def outcomes(self) -> pa.Table:
        """Outcomes, whenever they become known."""
        return self.tables["outcomes"]

    def write_history(self, folder: Path) -> int:
        """Write what was known at the opening, as files to take in; the number of payments."""
        past = past_of(self.tables, self.opening)
        write(past, folder)
        return past["transactions"].num_rows


def make_company(config: StoryConfig, timezone: str) -> Company:
    """Simulate the company of the story: history, a calm time, and a drift that stays."""
    opening = config.start + timedelta(days=config.history_days)
    world = simulate(
        WorldConfig(
            users=config.users,
            merchants=config.merchants,
            days=config.history_days + config.days_after,
            seed=config.seed,
            fraud_share=config.fraud_share,
            start=config.start,
            drift_from=opening + timedelta(days=config.calm_days),
            timezone=timezone,
        )
    )
    return company_from(world.tables, opening, config, timezone)


def company_from(
    tables: Mapping[str, pa.Table], opening: date, config: StoryConfig, timezone: str
) -> Company:
    """A company whose services open on a local day; the other moments follow from it."""
    drift = opening + timedelta(days=config.calm_days)
    end = opening + timedelta(days=config.days_after)
    return Company(tables, *(_midnight(day, timezone) for day in (opening, drift, end)))


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone))
