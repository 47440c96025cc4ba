"""What is kept of the newest payments for the next one is what training saw of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.common.features import MIDNIGHT_TTL
from components.common.ingest import ingest
from components.common.settings import Settings
from components.fraud.features import build_feature_tables
from components.fraud.history import History
from components.fraud.sequence_steps import STEP, STEPS
from demo.world import WorldConfig, simulate, write
from tests.components.fraud.features.streams import read

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake of 45 days."""
    home = tmp_path_factory.mktemp("steps")
    settings = Settings(home=home / "home")
    world = simulate(WorldConfig(users=40, merchants=30, days=45))
    write(world.tables, home / "world")
    ingest(home / "world", "finloop", settings, datetime.now(UTC))
    return settings


@pytest.fixture(scope="module")
def tables(settings: Settings) -> dict[str, Path]:
    return build_feature_tables(settings.lake, settings.feature_tables, settings.timezone)


def test_a_step_is_what_training_saw_of_the_payment(tables: dict[str, Path]) -> None:
    """Live features of the payment, and those of its merchant as of its time."""
    live = {row["transaction_id"]: row for row in read(tables["fraud_transaction"])}
    daily: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(read(tables["fraud_merchant_daily"]), key=lambda row: row["event_timestamp"]):
        daily.setdefault(row["merchant_id"], []).append(row)
    checked = 0
    for state in read(tables["fraud_user_history"]):
        history = History.from_columns(state)
        newest = range(max(0, len(history) - STEPS), len(history))
        assert [place for place, step in enumerate(history.steps) if step] == list(newest)
        for place in newest:
            at = EPOCH + timedelta(microseconds=history.timestamps[place])
            merchant = as_of(daily.get(history.merchant_ids[place], []), at)
            known = merchant | live[history.transaction_ids[place]]
            assert history.steps[place] == tuple(known.get(name) for name in STEP)
            checked += merchant.get("merchant_risk_30d") is not None
    assert checked > 20


def test_before_the_first_midnight_nothing_is_known_of_merchants(
    settings: Settings, tables: dict[str, Path], tmp_path: Path
) -> None:
    first = min(row["event_timestamp"] for row in read(tables["fraud_transaction"]))
    noon = first + timedelta(hours=3)
    early = build_feature_tables(settings.lake, tmp_path, settings.timezone, noon)
    assert read(early["fraud_merchant_daily"]) == []
    steps = [History.from_columns(row).steps for row in read(early["fraud_user_history"])]
    assert steps
    for step in (step for of_user in steps for step in of_user):
        assert step is not None
        known = dict(zip(STEP, step, strict=True))
        assert known["amount"] is not None
        assert known["merchant_risk_30d"] is None


def as_of(rows: list[dict[str, Any]], at: datetime) -> dict[str, Any]:
    """The newest row until a moment, unless it is too old."""
    until = [row for row in rows if at - MIDNIGHT_TTL <= row["event_timestamp"] <= at]
    return until[-1] if until else {}
