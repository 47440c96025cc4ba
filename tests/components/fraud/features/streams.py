"""Random streams of payments, and small lakes to put them in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from components.common.contracts import OUTCOMES, TRANSACTIONS
from components.common.lake import arrow_schema
from components.fraud.history import Transaction

START = datetime(2018, 10, 20, 22, 30, tzinfo=UTC)
"""Clocks change in Europe, America and Brazil in the weeks after it, in Brazil at midnight."""
HOUR = timedelta(hours=1)
ZONES = ("Asia/Seoul", "America/Sao_Paulo", "America/New_York", "Europe/Lisbon", "Asia/Kolkata")
"""Calendars of the tests: no clock change, one at midnight, two by night, half an hour off."""


@dataclass(frozen=True)
class Outcome:
    """What a payment turned out to be, and when that became known."""

    transaction_id: str
    is_fraud: bool
    outcome_timestamp: datetime
    source: str | None = None


@dataclass(frozen=True)
class Stream:
    """How the payments of one user are drawn."""

    seed: int
    length: int
    pace: timedelta
    ties: float
    nulls: float
    merchants: int
    devices: int
    step: float
    """Smallest difference of two amounts."""
    spread: int
    """Different amounts; 1 makes them all alike."""


STREAMS = st.builds(
    Stream,
    seed=st.integers(0, 2**32),
    length=st.one_of(st.integers(0, 30), st.integers(60, 140)),
    pace=st.sampled_from([timedelta(seconds=20), HOUR, 9 * HOUR, 30 * HOUR, 200 * HOUR]),
    ties=st.sampled_from([0.0, 0.1, 0.6]),
    nulls=st.sampled_from([0.0, 0.3, 1.0]),
    merchants=st.sampled_from([1, 3, 90]),
    devices=st.sampled_from([1, 2, 70]),
    step=st.sampled_from([0.001, 0.01, 1.0, 1e6]),
    spread=st.sampled_from([1, 2, 1000]),
)
_ROUND_GAPS = (HOUR, 24 * HOUR, 72 * HOUR, 168 * HOUR, timedelta(microseconds=1))


def payments(stream: Stream, user: str) -> list[Transaction]:
    """The payments of a stream in no particular order of ids, ties and round gaps included."""
    draw = random.Random(stream.seed)
    when, drawn = START, []
    for number in range(stream.length):
        if draw.random() >= stream.ties:
            gap = stream.pace * draw.expovariate(1)
            when += draw.choice(_ROUND_GAPS) if draw.random() < 0.1 else gap
        placed = draw.random() >= stream.nulls
        drawn.append(
            Transaction(
                transaction_id=f"{draw.randrange(10**6)}-{user}-{number}",
                event_timestamp=when,
                user_id=user,
                merchant_id=f"m{draw.randrange(stream.merchants)}",
                amount=round(stream.step * draw.randrange(stream.spread), 3),
                device_id=f"d{draw.randrange(stream.devices)}"
                if draw.random() >= stream.nulls
                else None,
                latitude=draw.choice([37.5, 35.1, -90.0, 90.0, 0.0]) if placed else None,
                longitude=draw.uniform(-180, 180) if placed and draw.random() < 0.9 else None,
            )
        )
    return drawn


def in_order(transactions: Sequence[Transaction]) -> list[Transaction]:
    """Transactions in the total order of the house."""
    return sorted(transactions, key=lambda t: (t.event_timestamp, t.transaction_id))


def write_lake(
    lake: Path, transactions: Sequence[Transaction], outcomes: Sequence[Outcome] = ()
) -> Path:
    """A lake with these rows, in files by UTC day, in the order given."""
    _write(lake, TRANSACTIONS, [asdict(t) for t in transactions])
    _write(lake, OUTCOMES, [asdict(o) for o in outcomes])
    return lake


def _write(lake: Path, table: Any, rows: list[dict[str, Any]]) -> None:
    days: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        days.setdefault(f"{row[table.time]:%Y-%m-%d}", []).append(row)
    for day, of_day in days.items():
        path = lake / table.name / f"day={day}" / "part.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(of_day, schema=arrow_schema(table)), path)


def read(path: Path) -> list[dict[str, Any]]:
    """Rows of a parquet file."""
    return pq.read_table(path).to_pylist()


def outcomes_of(transactions: Sequence[Transaction], seed: int) -> list[Outcome]:
    """Outcomes of most payments, days late; some told twice, some told otherwise later."""
    draw, told = random.Random(seed), []
    for transaction in transactions:
        for _ in range(draw.choice([0, 1, 1, 1, 2])):
            late = timedelta(days=draw.choice([0, 7, draw.expovariate(0.1)]))
            known = transaction.event_timestamp + late
            told.append(Outcome(transaction.transaction_id, draw.random() < 0.3, known))
    return told
