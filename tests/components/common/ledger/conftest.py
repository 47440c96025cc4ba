"""Records to write, and a ledger to write them into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.common.ledger import Ledger
from components.common.records import Decision

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


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()
