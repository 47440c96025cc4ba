"""Traffic: payments sent for decision as customers make them, and outcomes as they become known."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pyarrow as pa

from demo.world.config import EPOCH

DECISIONS, OUTCOMES = "/v1/fraud/decisions", "/v1/outcomes"
LANE = 8
"""Payments that may wait for one busy customer before all others wait too."""
IDLE_SECONDS = 2.0
CHUNK = 1_000
"""Rows turned into requests at a time."""


@dataclass(frozen=True)
class DecisionTraffic:
    """What came back for the payments that were sent."""

    sent: int
    decisions: Mapping[str, int]
    arms: Mapping[str, int]
    versions: Mapping[str, int]
    """Answers per decision, arm and model version; no model at all counts as `none`."""
    statuses: Mapping[str, int]
    """Answers per HTTP status."""
    problems: Mapping[str, int]
    """Failures per problem code; `timeout`, `connection_failed`, `unreadable_answer` are ours."""
    decision_ids: Mapping[str, str]
    """Transaction → decision, for every payment that was decided."""


@dataclass(frozen=True)
class OutcomeTraffic:
    """What came back for the outcomes that were sent."""

    sent: int
    accepted: int
    known: int
    """Outcomes that the service had already."""
    statuses: Mapping[str, int]
    problems: Mapping[str, int]


@dataclass
class _Tally:
    sent: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    decision_ids: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, name: object, number: int = 1) -> None:
        self.counts.setdefault(what, Counter())[str(name)] += number

    def of(self, what: str) -> dict[str, int]:
        return dict(sorted(self.counts.get(what, Counter()).items()))


async def send(
    transactions: pa.Table,
    *,
    base: str,
    api_key: str,
    start: datetime | None = None,
    end: datetime | None = None,
    concurrency: int = 16,
    timeout: float = 10.0,
    on_answer: Callable[[], None] | None = None,
) -> DecisionTraffic:
    """Ask for a decision on every payment with start ≤ event_timestamp < end, in order of time.

    Up to `concurrency` requests are under way at once, and never two of one user: a customer's next
    payment waits for the answer to the one before. A failure is counted and never sent again.

    Args:
        transactions: contract table, raw ids, sorted by time.
        base: address of the service, such as http://127.0.0.1:3000.
        api_key: sent as X-API-Key.
        timeout: seconds that one answer may take.
        on_answer: called after every answer or failure, for progress.
    """
    tally = _Tally()
    lanes: list[asyncio.Queue[dict[str, Any] | None]] = [
        asyncio.Queue(LANE) for _ in range(concurrency)
    ]
    async with _client(base, api_key, concurrency, timeout) as client, asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(_drive(client, lane, tally, on_answer))
        for payment in _rows(transactions, "event_timestamp", start, end):
            await lanes[zlib.crc32(payment["user_id"].encode()) % concurrency].put(payment)
        for lane in lanes:
            await lane.put(None)
    return DecisionTraffic(
        sent=tally.sent,
        decisions=tally.of("decisions"),
        arms=tally.of("arms"),
        versions=tally.of("versions"),
        statuses=tally.of("statuses"),
        problems=tally.of("problems"),
        decision_ids=tally.decision_ids,
    )


async def send_outcomes(
    outcomes: pa.Table,
    *,
    base: str,
    api_key: str,
    known_by: datetime,
    since: datetime | None = None,
    only: Collection[str] | None = None,
    batch: int = 500,
    timeout: float = 30.0,
) -> OutcomeTraffic:
    """Report the outcomes that became known from `since` until before `known_by`, in batches.

    The service takes a batch whole or not at all, so give in `only` the transactions that were
    decided. With `batch=1` every outcome is sent alone. A failure is counted, not raised.

    Args:
        outcomes: contract table, sorted by outcome_timestamp.
        only: transactions whose outcomes are sent; all where not given.
        timeout: seconds that one answer may take.
    """
    tally, wanted = _Tally(), None if only is None else set(only)
    reports = (
        {"kind": "fraud", **row}
        for row in _rows(outcomes, "outcome_timestamp", since, known_by)
        if wanted is None or row["transaction_id"] in wanted
    )
    async with _client(base, api_key, 1, timeout) as client:
        for some in _batches(reports, batch):
            tally.sent += len(some)
            answer = await _post(client, OUTCOMES, _body(some), tally)
            tally.add("taken", "accepted", int(answer.get("accepted", 0)))
            tally.add("taken", "known", int(answer.get("known", 0)))
    taken = tally.of("taken")
    return OutcomeTraffic(
        sent=tally.sent,
        accepted=taken.get("accepted", 0),
        known=taken.get("known", 0),
        statuses=tally.of("statuses"),
        problems=tally.of("problems"),
    )


async def _drive(
    client: aiohttp.ClientSession,
    lane: asyncio.Queue[dict[str, Any] | None],
    tally: _Tally,
    on_answer: Callable[[], None] | None,
) -> None:
    """Send what comes down one lane, one after the other; a user always has the same lane."""
    while (payment := await lane.get()) is not None:
        tally.sent += 1
        answer = await _post(client, DECISIONS, payment, tally)
        if "decision_id" in answer:
            model = answer.get("model") or {}
            tally.add("decisions", answer.get("decision"))
            tally.add("arms", model.get("arm", "none"))
            tally.add("versions", model.get("version", "none"))
            tally.decision_ids[payment["transaction_id"]] = answer["decision_id"]
        if on_answer is not None:
            on_answer()


async def _post(
    client: aiohttp.ClientSession, path: str, body: dict[str, Any], tally: _Tally
) -> dict[str, Any]:
    """The JSON object that was answered; empty, and counted as a problem, where there is none."""
    try:
        async with client.post(path, data=json.dumps(body).encode()) as response:
            tally.add("statuses", response.status)
            text = await response.read()
    except TimeoutError:
        tally.add("problems", "timeout")
        return {}
    except aiohttp.ClientError:
        tally.add("problems", "connection_failed")
        return {}
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if response.ok and isinstance(answer, dict):
        return answer
    code = answer.get("code") if isinstance(answer, dict) else None
    tally.add("problems", code or "unreadable_answer")
    return {}


def _client(base: str, api_key: str, connections: int, timeout: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        base,
        headers={"X-API-Key": api_key, "Content-Type": "application/json"},
        timeout=aiohttp.ClientTimeout(total=timeout),
        # an idle connection is closed here before the service closes it under a request
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=IDLE_SECONDS),
    )


def _rows(
    table: pa.Table, time: str, start: datetime | None, end: datetime | None
) -> Iterator[dict[str, Any]]:
    """The rows with start ≤ time < end as JSON objects, in their order; nulls are left out."""
    instants = table[time].cast(pa.int64()).to_numpy()
    first = 0 if start is None else int(instants.searchsorted(_micros(start)))
    last = len(table) if end is None else int(instants.searchsorted(_micros(end)))
    for some in table.slice(first, max(0, last - first)).to_batches(CHUNK):
        for row in some.to_pylist():
            row[time] = row[time].isoformat()
            yield {name: value for name, value in row.items() if value is not None}


def _batches(reports: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    some: list[dict[str, Any]] = []
    for report in reports:
        some.append(report)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _body(reports: list[dict[str, Any]]) -> dict[str, Any]:
    return reports[0] if len(reports) == 1 else {"outcomes": reports}


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
