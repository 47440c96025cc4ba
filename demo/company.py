"""The company of the story: what it knew when the services opened, and what happened after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from demo.world import World, WorldConfig, known_by, simulate, write


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
    seed: int = 7
    start: date = date(2026, 1, 5)


@dataclass(frozen=True)
class Company:
    """Everything that happened, and the moments at which the story turns. All times UTC."""

    world: World
    opening: datetime
    """The services open; what happened before is history."""
    drift: datetime
    """The world changes."""
    end: datetime

    @property
    def transactions(self) -> pa.Table:
        """Contract table with raw ids, sorted by time."""
        return self.world.tables["transactions"]

    @property
    def outcomes(self) -> pa.Table:
        """Contract table, sorted by the time at which they became known."""
        return self.world.tables["outcomes"]

    def write_history(self, folder: Path) -> int:
        """Write what was known at the opening, as files to take in; the number of payments."""
        past = known_by(self.world, self.opening)
        write(past, folder)
        return past.tables["transactions"].num_rows


def make_company(config: StoryConfig, timezone: str) -> Company:
    """Simulate the company of the story: history, a calm time, and a drift that stays."""
    opening = config.start + timedelta(days=config.history_days)
    drift = opening + timedelta(days=config.calm_days)
    after = config.calm_days + config.drifted_days + config.later_days
    world = simulate(
        WorldConfig(
            users=config.users,
            merchants=config.merchants,
            days=config.history_days + after,
            seed=config.seed,
            start=config.start,
            drift_from=drift,
            timezone=timezone,
        )
    )
    moments = (opening, drift, config.start + timedelta(days=config.history_days + after))
    return Company(world, *(_midnight(day, timezone) for day in moments))


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone))
