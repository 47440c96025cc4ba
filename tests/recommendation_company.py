"""A small company with its lake, a frame of it and a trained artifact, each made once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from components.common import lake
from components.common.evaluation import Metric
from components.common.feature_tables import build
from components.common.ingest import ingest
from components.common.settings import Settings
from components.common.training_data import Windows
from components.common.verdict import Verdict
from components.recommendation.interactions import write_frame
from components.recommendation.training import train_candidate
from demo.world import WorldConfig, simulate, write
from feature_repo.publish import publish

CONFIG = (
    '{"factors": 8, "layers": [16, 8], "negatives": 8, "group": 8, "batch": 256, "epochs": 10, '
    '"learning_rate": 0.01}'
)


@dataclass(frozen=True)
class Company:
    """Where everything is."""

    folder: Path
    settings: Settings

    @cached_property
    def payments(self) -> pd.DataFrame:
        """Every payment of the lake, in order of time."""
        sql = f"SELECT * FROM {lake.scan(self.settings.lake, 'transactions')} ORDER BY ALL"  # noqa: S608 - a path of ours
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.sql(sql).df()

    @cached_property
    def windows(self) -> Windows:
        newest = self.payments["event_timestamp"].max().to_pydatetime()
        return Windows.before(newest, timedelta(0), calibration_days=5, test_days=5)

    @cached_property
    def frame(self) -> Path:
        """A training frame."""
        write_frame(self.settings, self.windows, self.folder / "frame")
        return self.folder / "frame"

    def train(self, into: Path, seed: int) -> Path:
        """Another artifact that has learnt the same with another seed."""
        train_candidate(self.frame, into, json.dumps({**json.loads(CONFIG), "seed": seed}))
        return into

    @cached_property
    def trained(self) -> tuple[Verdict, dict[str, Metric]]:
        """What training said; the artifact is in `artifact`."""
        return train_candidate(self.frame, self.folder / "artifact", CONFIG)

    def publish(self, settings: Settings) -> None:
        """Fill the feature store of an installation with what is known of the company."""
        tables = self.folder / "tables"
        if not tables.exists():
            lake_digest = lake.digest(self.settings.lake)
            build(self.settings.lake, tables, lake_digest, "code", self.settings.timezone)
        publish(settings, tables)

    @property
    def artifact(self) -> Path:
        """A trained artifact."""
        _ = self.trained
        return self.folder / "artifact"


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Six weeks of 150 customers and 60 merchants."""
    folder = tmp_path_factory.mktemp("shops")
    write(simulate(WorldConfig(users=150, merchants=60, days=42)).tables, folder / "world")
    settings = Settings(home=folder / "home")
    ingest(folder / "world", "finloop", settings, datetime.now(UTC))
    return Company(folder, settings)
