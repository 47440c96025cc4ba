"""The features benchmark: pandas makes the same features, and copies grow as they say."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from pydantic import SecretStr

from benchmarks import features
from components.common.errors import FinloopError
from components.common.ingest import ingest
from components.common.settings import Settings
from components.fraud.features import build_feature_tables
from demo.world import WorldConfig, simulate, write


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small company with its feature tables."""
    home = tmp_path_factory.mktemp("company")
    settings = Settings(home=home / "home", pseudonym_key=SecretStr("the same users every time"))
    write(simulate(WorldConfig(users=200, merchants=60, days=50)).tables, home / "world")
    ingest(home / "world", "finloop", settings, datetime.now(UTC))
    build_feature_tables(settings.lake, settings.feature_tables, settings.timezone)
    return settings


def test_pandas_makes_the_same_features(settings: Settings) -> None:
    told: list[str] = []
    assert features.peer_seconds(settings, told.append) > 0
    assert [line.split(":")[0] for line in told] == [
        "fraud_transaction",
        "fraud_user_daily",
        "fraud_merchant_daily",
    ]


def test_other_features_are_not_compared(settings: Settings) -> None:
    file = settings.feature_tables / "fraud_user_daily.parquet"
    other = pd.read_parquet(file)[["user_id", "event_timestamp", "user_mean_30d"]]
    with features.open_lake(settings) as connection:
        features.compare(connection, file, other)
        other["user_mean_30d"] *= 1.01
        with pytest.raises(FinloopError, match="another user_mean_30d"):
            features.compare(connection, file, other)


@pytest.mark.parametrize("copies", [1, 3])
def test_copies_have_that_many_times_the_rows(
    settings: Settings, tmp_path: Path, copies: int
) -> None:
    with features.open_lake(settings) as connection:
        features.copy(connection, tmp_path, copies)
        rows = connection.execute("SELECT count(*) FROM quarter").fetchall()[0][0]
        made = connection.execute(
            "SELECT count(*), count(DISTINCT transaction_id), count(DISTINCT user_id) "
            "FROM read_parquet($1)",
            [str(tmp_path / "transactions" / "*.parquet")],
        ).fetchall()[0]
    assert made == (copies * rows, copies * rows, copies * 50)


def test_a_build_apart_tells_its_memory(settings: Settings, tmp_path: Path) -> None:
    built = features.build_apart(settings.lake, tmp_path, settings.timezone)
    assert 0.05 < built.peak_memory_gb < 4
    assert built.seconds > 0
    assert {path.name for path in tmp_path.iterdir()} == {
        path.name for path in settings.feature_tables.iterdir()
    }


def test_a_build_apart_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        features.build_apart(tmp_path, tmp_path, "Nowhere/Land")


def test_the_command_of_a_build_prints_one_object(settings: Settings, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.features_build", str(settings.lake), str(tmp_path)]
    done = subprocess.run([*command, "UTC"], capture_output=True, check=True, text=True)
    assert set(json.loads(done.stdout)) == {"seconds", "cpu_seconds", "peak_memory_gb"}
