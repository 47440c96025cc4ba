"""The company of the story: what it knew when the services opened, and what happened after."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.common.contracts import TABLES
from components.common.settings import Settings
from components.credit import SCORING
from components.fraud import LSTM, XGBOOST
from components.recommendation import NCF
from demo.world import WorldConfig, past_of, simulate, write
from demo.world.config import EPOCH

TRAINING = {
    "rounds": "80",
    "learning_rate": "0.1",
    "max_bin": "256",
    "train_days": "35",
    "calibration_days": "4",
}
"""Fewer trees that each say more than by default, and short windows: a training takes seconds, and
what is tested on lies after the drift."""

OTHERS = {
    LSTM.name: {"batch": "64", "epochs": "6", "learning_rate": "0.004"},
    SCORING.name: {"tuning_seconds": "5", "approve_below": "0.4", "decline_from": "0.6"},
    NCF.name: {},
}
"""What the trainings of the other models are told: small steps, because there are few payments; and
thresholds of a lender who refuses few, because by the usual ones the young would be granted less
than four fifths as many loans, and the gate would refuse the model."""

ORIGIN = "The company is made up: customers, merchants, payments, frauds of five kinds, loans."
PRICE_RISE = 0.5
"""Of all prices with the drift: on a day of the story, with its thousand payments, this shows."""
CHANGE = (
    f"Prices rise by {PRICE_RISE:.0%}, and cards are tapped at night, just below the limit for "
    "a PIN."
)


@dataclass(frozen=True)
class StoryConfig:
    """How large the story is told."""

    users: int = 500
    merchants: int = 150
    history_days: int = 60
    """Days before the services open: the history that the first model learns from."""
    calm_days: int = 1
    """Days of traffic like the history."""
    filed_days: int = 32
    """Days after the world has changed whose payments come in as files, outcomes with them: labels
    are a week late, a test takes days and is kept a week apart from the training, so that a model
    can have learnt what is new only after about three weeks of it."""
    drifted_days: int = 2
    """Days of traffic after those, before anybody looks."""
    later_days: int = 30
    """Days that are there for the rollouts, which end as soon as the judge has seen enough: most
    take five. By chance a customer whose payments are stopped again and again falls into a small
    arm, and the judge waits until the others outweigh that."""
    fraud_share: float = 0.01
    """Share of payments that are fraud before the drift."""
    drift_fraud_share: float = 0.015
    """Share of payments that the new kind of fraud adds with the drift."""
    loans_per_user: float = 12.0
    """Loans that a customer has asked for in a year and a half: small ones and many, because a
    credit model needs hundreds of them that have ended, and the story has few customers."""
    seed: int = 8
    start: date = date(2025, 1, 6)
    trainings: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: {XGBOOST.name: TRAINING, **OTHERS}
    )
    """Model → what each of its trainings in the story is told."""

    @property
    def days_after(self) -> int:
        """Days that happen after the services have opened."""
        return self.calm_days + self.filed_days + self.drifted_days + self.later_days


@dataclass(frozen=True)
class Company:
    """Everything that happened, and the moments at which the story turns."""

    tables: Mapping[str, pa.Table]
    """Contract tables as the company itself has them, sorted by time."""
    asked: pa.Table
    """The payments that the services are asked about on a day of traffic, sorted by time; all
    others come in as files, as those from a channel of which the services know nothing."""
    opening: datetime
    """The services open; what happened before is history."""
    drift: datetime
    """The world changes."""
    end: datetime
    origin: str
    """Where the payments are from, in a sentence."""
    change: str
    """What changes with the drift, in a sentence."""

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

    def write_news(
        self, folder: Path, since: datetime, until: datetime, decided: Collection[str]
    ) -> int:
        """Write what happened or became known from `since` until before `until`, as files.

        Payments that were `decided` by the services, and their outcomes, are known to them already.
        Gives the number of payments; a table without rows has no file.
        """
        ours = pa.array(decided, pa.string())
        news = {
            name: _others(_between(table, time, since, until), ours)
            for name, table in self.tables.items()
            if (time := TABLES[name].time)
        }
        write({name: table for name, table in news.items() if table.num_rows}, folder)
        return news["transactions"].num_rows


MakeCompany = Callable[[StoryConfig, Settings], Company]
"""Gives the company that the story is about."""


def simulated(config: StoryConfig, settings: Settings) -> Company:
    """The company that is made up where no data is given."""
    return make_company(config, settings.timezone)


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
            drift_fraud_share=config.drift_fraud_share,
            loans_per_user=config.loans_per_user,
            start=config.start,
            drift_from=opening + timedelta(days=config.calm_days),
            price_rise=PRICE_RISE,
            timezone=timezone,
        )
    )
    asked = world.tables["transactions"]
    return company_from(world.tables, asked, opening, config, timezone, ORIGIN, CHANGE)


def company_from(
    tables: Mapping[str, pa.Table],
    asked: pa.Table,
    opening: date,
    config: StoryConfig,
    timezone: str,
    origin: str,
    change: str,
) -> Company:
    """A company whose services open on a local day; the other moments follow from it."""
    drift = opening + timedelta(days=config.calm_days)
    end = opening + timedelta(days=config.days_after)
    opened, drifted, ended = (_midnight(day, timezone) for day in (opening, drift, end))
    return Company(tables, asked, opened, drifted, ended, origin, change)


def _between(table: pa.Table, time: str, since: datetime, until: datetime) -> pa.Table:
    """The rows with since ≤ time < until."""
    first, last = ((moment - EPOCH) // timedelta(microseconds=1) for moment in (since, until))
    instants = table[time].cast(pa.int64()).to_numpy()
    return table.filter(pa.array(np.logical_and(instants >= first, instants < last)))


def _others(table: pa.Table, ours: pa.Array) -> pa.Table:
    """The rows that belong to no payment of ours."""
    if "transaction_id" not in table.column_names:
        return table
    known = pc.call_function("is_in", [table["transaction_id"]], pc.SetLookupOptions(ours))
    return table.filter(pc.call_function("invert", [known]))


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone))
