"""A small company with trained, approved models, ready to be served, and what to ask of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, SecretStr

from benchmarks.report import Say
from components.common import lake
from components.common.approval import approve
from components.common.candidate import Origin, make_candidate, register_candidate
from components.common.domain import ModelSpec
from components.common.errors import refused
from components.common.feature_tables import build
from components.common.ingest import ingest
from components.common.members import ask_members, standing_members
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.stages import Stage
from demo.world import WorldConfig, simulate, write
from feature_repo.frames import write_frame
from feature_repo.publish import publish
from serving.common.manifest import read_manifest

WORLD = WorldConfig(users=2_000, merchants=300, days=60)
_PACE = timedelta(seconds=2.5)
"""From one request to the next: each customer pays seventeen times a day, the busiest hour of a
company all day long, and 200,000 payments end before the daily features are too old to be used."""
_MOST = 20_000
"""Payments of the world's last days that are asked about once more."""


@dataclass(frozen=True)
class Lesson:
    """One training of a model."""

    model: ModelSpec
    config: BaseModel
    days: tuple[int, int, int] = (0, 7, 7)
    """Of training (0 is all), calibration and test; the same for every lesson of a model."""
    crowned: bool = False
    """Whether what comes of it is champion at once."""


@dataclass(frozen=True)
class Company:
    """Who is served, and what is asked."""

    settings: Settings
    world: Path
    newest: datetime
    """The newest payment that the lake knows."""

    def versions(self, model: ModelSpec) -> tuple[str, ...]:
        """Approved versions of a model, oldest first."""
        return tuple(found.version for found in Registry(self.settings).versions(model.name))

    def promote(self, version: str, model: ModelSpec) -> None:
        """Make a version champion, as the last step of a rollout does."""
        registry = Registry(self.settings)
        registry.set_stage(model.name, version, Stage.CHAMPION, [])
        registry.set_champion(model.name, version)

    def artifact(self, model: ModelSpec) -> Path:
        """The files of the champion on this host; refuses where none is served."""
        manifest = read_manifest(self.settings.serving)
        champion = manifest.models[model.name].champion if manifest is not None else None
        if champion is None:
            raise refused("no_champion", "The services have no champion, so nothing was compared.")
        return Path(champion.path)


def found(
    folder: Path,
    online_store: SecretStr,
    lessons: Sequence[Lesson],
    say: Say,
    world: WorldConfig = WORLD,
) -> Company:
    """Simulate, ingest, build, publish; then train and approve, lesson by lesson."""
    settings = Settings(home=folder / "home", online_store=online_store)
    say("a company: simulate, ingest, features, online store")
    write(simulate(world).tables, folder / "world")
    ingest(folder / "world", "finloop", settings, datetime.now(UTC))
    digest = lake.digest(settings.lake)
    tables = folder / "tables"
    made = build(settings.lake, tables, digest, "code", settings.timezone)
    publish(settings, tables)
    school = _School(settings, folder, made.as_of, digest, say)
    company = Company(settings, folder / "world", made.moment)
    for lesson in lessons:
        version = school.train(lesson)
        if lesson.crowned:
            company.promote(version, lesson.model)
    return company


@dataclass(frozen=True)
class _School:
    """Trains models of a company, all on what it knew at the same moment."""

    settings: Settings
    folder: Path
    as_of: str
    digest: str
    say: Say

    def train(self, lesson: Lesson) -> str:
        """Train, register, approve; the version."""
        model, frame = lesson.model, self._frame(lesson)
        self.say(f"train {model.name}")
        candidate = Path(mkdtemp(prefix=f"{model.name}-", dir=self.folder))
        make_candidate(model.name, frame, candidate, lesson.config.model_dump_json())
        origin, card = Origin("mina", self.digest, "code"), candidate.with_suffix(".md")
        version = register_candidate(self.settings, model.name, frame, candidate, card, origin)
        return approve(model, version, "jia", self.settings).version

    def _frame(self, lesson: Lesson) -> Path:
        """What a model learns from, with what its members said where it has any."""
        model = lesson.model
        frame = self.folder / f"frame-{model.name}"
        if not frame.exists():
            write_frame(self.settings, model.name, self.as_of, lesson.days, self.digest, frame)
        if not model.members:
            return frame
        asked = self.folder / f"asked-{model.name}"
        standing = standing_members(self.settings, model.name)
        ask_members(self.settings, model.name, standing, frame, asked)
        return asked


class Again:
    """What a world has asked before once more, right after all that the company knows."""

    def __init__(self, company: Company, asked: pa.Table, key: str) -> None:
        """`asked`: bodies of requests, a row each; `key`: the column that names one."""
        self._rows = asked.to_pylist()
        self._key = key
        self._when = company.newest
        self._number = count()

    def write(self, file: Path, wanted: int) -> Path:
        """A file of so many bodies, each with an id and a moment of its own; a JSON per line."""
        with file.open("w", encoding="utf-8") as out:
            for _ in range(wanted):
                number = next(self._number)
                self._when += _PACE
                row = self._rows[number % len(self._rows)]
                changed = {
                    self._key: f"bench-{number}",
                    "event_timestamp": self._when.isoformat(),
                }
                out.write(json.dumps({**row, **changed}) + "\n")
        return file


def payments(company: Company) -> Again:
    """Payments to decide on: those of the world's last days, in order of time."""
    paid = pq.read_table(company.world / "transactions.parquet").sort_by("event_timestamp")
    return Again(company, paid.slice(max(0, len(paid) - _MOST)), "transaction_id")


def applications(company: Company) -> Again:
    """Applications for loans to score, mixed: the last ones are of people whom no bureau knows."""
    loans = pq.read_table(company.world / "loans.parquet")
    mixed = loans.take(np.random.default_rng(0).permutation(len(loans)))
    asked = ["loan_amount" if name == "amount" else name for name in mixed.column_names]
    return Again(company, mixed.rename_columns(asked), "application_id")
