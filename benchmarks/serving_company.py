"""A small company with trained, approved models, ready to be served in the server profile."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
from pydantic import SecretStr

from benchmarks.report import Say
from components.common import lake
from components.common.approval import approve
from components.common.candidate import Origin, register_candidate
from components.common.feature_tables import build
from components.common.ingest import ingest
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.stages import Stage
from components.fraud import XGBOOST
from components.fraud.boosting import BoostingConfig
from components.fraud.boosting_training import train_candidate
from demo.world import WorldConfig, simulate, write
from feature_repo.frames import write_frame
from feature_repo.publish import publish

WORLD = WorldConfig(users=500, merchants=150, days=60)
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
        """Approved versions of the model."""
        return tuple(found.version for found in Registry(self.settings).versions(XGBOOST.name))

    def promote(self, version: str) -> None:
        """Make a version champion, as the last step of a rollout does."""
        registry = Registry(self.settings)
        registry.set_stage(XGBOOST.name, version, Stage.CHAMPION, [])
        registry.set_champion(XGBOOST.name, version)


def found(folder: Path, online_store: SecretStr, say: Say) -> Company:
    """Simulate, ingest, build, publish, train two versions and approve them."""
    settings = Settings(home=folder / "home", online_store=online_store)
    say("a company: simulate, ingest, features, online store")
    write(simulate(WORLD).tables, folder / "world")
    ingest(folder / "world", "finloop", settings, datetime.now(UTC))
    digest = lake.digest(settings.lake)
    tables = folder / "tables"
    made = build(settings.lake, tables, digest, "code", settings.timezone)
    publish(settings, tables)
    frame = folder / "frame"
    write_frame(settings, XGBOOST.name, made.as_of, _WINDOWS, digest, frame)
    for seed in (1, 2):
        say(f"train version {seed}")
        _train(settings, frame, folder / f"candidate-{seed}", seed, digest)
    return Company(settings, folder / "world", made.moment)


def _train(settings: Settings, frame: Path, candidate: Path, seed: int, digest: str) -> None:
    """Train as by default, register, and approve."""
    candidate.mkdir()
    train_candidate(frame, candidate, BoostingConfig(seed=seed).model_dump_json())
    origin = Origin("mina", digest, "code")
    card = candidate.with_suffix(".md")
    version = register_candidate(settings, XGBOOST.name, frame, candidate, card, origin)
    approve(XGBOOST, version, "jia", settings)


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
                self._when += timedelta(milliseconds=200)
                row = self._rows[number % len(self._rows)]
                changed = {
                    "transaction_id": f"bench-{number}",
                    "event_timestamp": self._when.isoformat(),
                }
                out.write(json.dumps({**row, **changed}) + "\n")
        return file
