"""The lake says what it has, cheaply, and notices what was not written by it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from components.common import lake
from components.common.errors import FinloopError
from components.common.ingest import ingest
from components.common.settings import Settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A lake with payments of three days and two merchants."""
    return fill(tmp_path / "it's home", tmp_path / "in", 1.0)


def fill(home: Path, source: Path, amount: float) -> Path:
    source.mkdir(exist_ok=True)
    days = pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-02", "2026-01-03"], utc=True)
    pd.DataFrame(
        {
            "transaction_id": list("abcd"),
            "event_timestamp": days,
            "user_id": "u",
            "merchant_id": "m",
            "amount": amount,
        }
    ).to_parquet(source / "transactions.parquet", index=False)
    pd.DataFrame({"merchant_id": ["m", "n"]}).to_parquet(source / "merchants.parquet", index=False)
    settings = Settings(home=home, pseudonym_key="key")  # pyright: ignore[reportArgumentType]
    ingest(source, "finloop", settings, NOW)
    return settings.lake


def test_what_is_there(root: Path) -> None:
    assert lake.tables_present(root) == ("merchants", "transactions")
    assert lake.count(root, "transactions") == 4
    assert lake.count(root, "users") == 0
    assert list(lake.partitions(root, "merchants")) == ["part.parquet"]


def test_daily_table_has_its_day_and_the_other_one_has_not(root: Path) -> None:
    days = lake.read(root, "transactions").aggregate("day, count(*)", "day").order("day")
    assert days.fetchall() == [
        (date(2026, 1, 1), 1),
        (date(2026, 1, 2), 2),
        (date(2026, 1, 3), 1),
    ]
    assert "day" not in lake.read(root, "merchants").columns


def test_table_that_is_not_there_says_what_to_do(root: Path) -> None:
    with pytest.raises(FinloopError, match="finloop ingest"):
        lake.scan(root, "users")


def test_connection_is_in_utc_and_loads_nothing_from_the_network() -> None:
    names = ("TimeZone", "autoinstall_known_extensions", "autoload_known_extensions")
    found = [
        lake.connect().execute("SELECT current_setting(?)", [name]).fetchall() for name in names
    ]
    assert found == [[("UTC",)], [(False,)], [(False,)]]


def test_digest_is_of_the_content(root: Path, tmp_path: Path) -> None:
    same = fill(tmp_path / "same", tmp_path / "in2", 1.0)
    other = fill(tmp_path / "other", tmp_path / "in3", 2.0)
    assert lake.digest(same) == lake.digest(root)
    assert lake.digest(other) != lake.digest(root)
    assert lake.digest(other, ["merchants"]) == lake.digest(root, ["merchants"])


def test_digest_of_an_empty_lake_is_fixed(tmp_path: Path) -> None:
    assert lake.digest(tmp_path) == lake.digest(tmp_path / "nowhere")


@pytest.mark.parametrize("how", ["cut", "gone", "added"])
def test_digest_notices_files_that_are_not_as_written(root: Path, how: str) -> None:
    part = root / "transactions" / "day=2026-01-02" / "part.parquet"
    if how == "cut":
        part.write_bytes(part.read_bytes()[:-1])
    elif how == "gone":
        part.unlink()
    else:
        (part.parent / "more.parquet").write_bytes(part.read_bytes())
    with pytest.raises(FinloopError, match="ingest its files again") as caught:
        lake.digest(root)
    assert caught.value.code == "lake_damaged"


def test_recorded_digest_is_that_of_the_file(root: Path) -> None:
    import hashlib

    told = json.loads((root / "transactions" / lake.DIGESTS).read_text())
    assert {
        name: hashlib.sha256((root / "transactions" / name).read_bytes()).hexdigest()
        for name in told
    } == {name: known["sha256"] for name, known in told.items()}
