"""Records to write, and a ledger to write them into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from components.common.ledger import Ledger
from components.common.records import Decision
from tests.postgres_server import PostgresServer

WHEN = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def make_decision(number: int, **changes: Any) -> Decision:
    base = Decision(
        decision_id=f"d{number}",
        domain="fraud",
        subject_id=f"t{number}",
        entity_id="user",
        event_timestamp=WHEN,
        recorded_at=WHEN,
        model="fraud-xgboost",
        version="3",
        digest="abc",
        arm="champion",
        score=0.25,
        decision="APPROVE",
        latency_ms=4.5,
        error=None,
        request='{"amount":1}',
        features="{}",
        answer='{"decision":"APPROVE"}',
    )
    return replace(base, **changes)


@pytest.fixture
def decision() -> Callable[..., Decision]:
    """Decisions by number; any field can be changed."""
    return make_decision


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | SecretStr:
    """An empty place for a ledger, of either kind."""
    if request.param == "sqlite":
        return tmp_path / "ledger.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    server.empty()
    return server.address()


@pytest.fixture
def ledger(where: Path | SecretStr) -> Iterator[Ledger]:
    opened = Ledger(where)
    yield opened
    opened.close()


@pytest.fixture
def file_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger in a file, for what only a file can suffer."""
    opened = Ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()
