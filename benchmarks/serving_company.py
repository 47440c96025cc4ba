"""A small company with trained, approved models, ready to be served in the server profile."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import pyarrow.parquet as pq
from pydantic import BaseModel, SecretStr

from benchmarks.report import Say
from components.common import lake
from components.common.approval import approve
from components.common.candidate import Origin, make_candidate, register_candidate
from components.common.domain import ModelSpec
from components.common.feature_tables import build
from components.common.ingest import ingest
from components.common.members import ask_members, standing_members
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.stages import Stage
from components.fraud import LSTM, POLICY, XGBOOST
from components.fraud.boosting import BoostingConfig
from components.fraud.policy_training import PolicyConfig
from components.fraud.sequence import SequenceConfig
from demo.world import WorldConfig, simulate, write
from feature_repo.frames import write_frame
from feature_repo.publish import publish

WORLD = WorldConfig(users=2_000, merchants=300, days=60)
_PACE = timedelta(seconds=2.5)
"""From one payment to the next: each customer pays seventeen times a day, the busiest hour of a
company all day long, and 200,000 payments end before the daily features are too old to be used."""
_WINDOWS = (0, 7, 7)
"""Days of training (all), calibration and test."""


@dataclass(frozen=True)
class Company:
    """Who is served, and what is asked."""

    settings: Settings
    world: Path
    newest: datetime
    """The newest payment that the lake knows."""

    def versions(self) -> tuple[str, ...]:
        """Approved versions of the trees."""
        return tuple(found.version for found in Registry(self.settings).versions(XGBOOST.name))

    def promote(self, version: str, model: ModelSpec = XGBOOST) -> None:
        """Make a version champion, as the last step of a rollout does."""
        registry = Registry(self.settings)
        registry.set_stage(model.name, version, Stage.CHAMPION, [])
        registry.set_champion(model.name, version)


def found(folder: Path, online_store: SecretStr, say: Say) -> Company:
    """Simulate, ingest, build, publish; train every model, the trees twice, and approve.

    The network and the decision policy are champions already.
    """
    settings = Settings(home=folder / "home", online_store=online_store)
    say("a company: simulate, ingest, features, online store")
    write(simulate(WORLD).tables, folder / "world")
    ingest(folder / "world", "finloop", settings, datetime.now(UTC))
    digest = lake.digest(settings.lake)
    tables = folder / "tables"
    made = build(settings.lake, tables, digest, "code", settings.timezone)
    publish(settings, tables)
    school = _School(settings, folder, made.as_of, digest, say)
    for seed in (1, 2):
        school.train(XGBOOST, BoostingConfig(seed=seed))
    company = Company(settings, folder / "world", made.moment)
    for model, config in ((LSTM, SequenceConfig()), (POLICY, PolicyConfig())):
        company.promote(school.train(model, config), model)
    return company


@dataclass(frozen=True)
class _School:
    """Trains models of a company, all on the same days."""

    settings: Settings
    folder: Path
    as_of: str
    digest: str
    say: Say

    def train(self, model: ModelSpec, config: BaseModel) -> str:
        """Train as by default, register, approve; the version."""
        self.say(f"train {model.name}")
        frame = self._frame(model)
        candidate = Path(mkdtemp(prefix=f"{model.name}-", dir=self.folder))
        make_candidate(model.name, frame, candidate, config.model_dump_json())
        origin, card = Origin("mina", self.digest, "code"), candidate.with_suffix(".md")
        version = register_candidate(self.settings, model.name, frame, candidate, card, origin)
        return approve(model, version, "jia", self.settings).version

    def _frame(self, model: ModelSpec) -> Path:
        """What a model learns from, with what its members said where it has any."""
        frame = self.folder / f"frame-{model.name}"
        if not frame.exists():
            write_frame(self.settings, model.name, self.as_of, _WINDOWS, self.digest, frame)
        if not model.members:
            return frame
        asked = self.folder / f"asked-{model.name}"
        standing = standing_members(self.settings, model.name)
        ask_members(self.settings, model.name, standing, frame, asked)
        return asked


class Payments:
    """Payments to ask about: those of the world's last days once more, right after them."""

    def __init__(self, company: Company) -> None:
        table = pq.read_table(company.world / "transactions.parquet").sort_by("event_timestamp")
        self._rows = table.slice(max(0, len(table) - 20_000)).to_pylist()
        self._when = company.newest
        self._number = count()

    def write(self, file: Path, wanted: int) -> Path:
        """A file of so many payments, each with an id and a moment of its own; a JSON per line."""
        with file.open("w", encoding="utf-8") as out:
            for _ in range(wanted):
                number = next(self._number)
                self._when += _PACE
                row = self._rows[number % len(self._rows)]
                changed = {
                    "transaction_id": f"bench-{number}",
                    "event_timestamp": self._when.isoformat(),
                }
                out.write(json.dumps({**row, **changed}) + "\n")
        return file
