"""Load from a process of its own: requests at a constant rate, or as fast as answers come.

At a constant rate a request is due whether or not the one before was answered, and its latency
counts from when it was due: a server that stalls cannot hide what waited meanwhile.
`python -m benchmarks.serving_load` reads one JSON object (`Load`) and prints one (`Measured`).
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import numpy as np

_PATIENCE_SECONDS = 30.0
"""How long answers are waited for after the last request."""


@dataclass(frozen=True)
class Load:
    """What to send."""

    address: str
    """Where to post to."""
    bodies: str
    """File with a JSON body per line; taken in order, and again from the start."""
    seconds: float
    rate: float | None = None
    """Requests per second; None sends as fast as answers come."""
    connections: int = 32
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What came of it."""

    sent: int
    statuses: dict[str, int]
    """Status → answers; `lost` where a connection broke or no answer came."""
    seconds: float
    """From the first request to the last answer."""
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def answered(self) -> int:
        return self.statuses.get("200", 0)

    @property
    def errors(self) -> int:
        return self.sent - self.answered

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return self.answered / self.seconds


def put_under(load: Load) -> Measured:
    """Send a load from a process of its own and say what came of it."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving_load"],
        input=json.dumps(asdict(load)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Measured(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    """One connection that is kept; one request on it at a time."""

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._due = 0.0
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream
        self._transport = transport

    def send(self, request: bytes, due: float) -> None:
        assert self._transport is not None  # noqa: S101 - connected before it is used
        self._due, self._busy = due, True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._buffer, self._busy = b"", False
        self._sender.answered(self, head[9:12].decode(), perf_counter() - self._due)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._busy:
            self._busy = False
            self._sender.lost()


class _Sender:
    """Requests that are due and connections that are free."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._requests = _requests(load)
        self._free: deque[_Connection] = deque()
        self._waiting: deque[float] = deque()
        self._latencies: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._sent = 0
        self._ends = 0.0
        self._last = 0.0
        self._idle = asyncio.Event()

    async def run(self) -> Measured:
        where = urlsplit(self._load.address)
        loop = asyncio.get_running_loop()
        for _ in range(self._load.connections):
            _, made = await loop.create_connection(
                lambda: _Connection(self), where.hostname or "", where.port or 80
            )
            self._free.append(made)
        began = perf_counter()
        self._ends = began + self._load.seconds
        if self._load.rate is None:
            for _ in range(self._load.connections):
                self._ask(perf_counter())
        else:
            await self._at_rate(began, self._load.rate)
        try:
            await asyncio.wait_for(self._idle.wait(), self._load.seconds + _PATIENCE_SECONDS)
        except TimeoutError:
            self._last = perf_counter()
        return self._measured(began)

    async def _at_rate(self, began: float, rate: float) -> None:
        for number in range(int(self._load.seconds * rate)):
            due = began + number / rate
            while (ahead := due - perf_counter()) > 0:
                await asyncio.sleep(ahead)
            self._ask(due)
            if number % 50 == 0:
                await asyncio.sleep(0)  # late: let answers in between
        self._ends = 0.0
        if self._finished():
            self._idle.set()

    def _ask(self, due: float) -> None:
        self._sent += 1
        self._waiting.append(due)
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting and self._free:
            self._free.popleft().send(next(self._requests), self._waiting.popleft())

    def answered(self, connection: _Connection, status: str, seconds: float) -> None:
        self._free.append(connection)
        self._latencies.append(seconds)
        self._count(status)

    def lost(self) -> None:
        self._count("lost")

    def _count(self, status: str) -> None:
        self._statuses[status] += 1
        self._last = perf_counter()
        if self._load.rate is None and self._last < self._ends:
            self._ask(self._last)
        else:
            self._send_waiting()
        if self._finished():
            self._idle.set()

    def _finished(self) -> bool:
        return perf_counter() >= self._ends and sum(self._statuses.values()) == self._sent

    def _measured(self, began: float) -> Measured:
        unanswered = self._sent - sum(self._statuses.values())
        if unanswered:
            self._statuses["lost"] += unanswered
        middle, late, last = np.percentile(self._latencies or [np.inf], [50, 99, 100]) * 1000
        return Measured(
            self._sent,
            dict(self._statuses),
            self._last - began,
            float(middle),
            float(late),
            float(last),
        )


def _requests(load: Load) -> Iterator[bytes]:
    """Whole requests, ready to be written."""
    where = urlsplit(load.address)
    lines = [f"POST {where.path} HTTP/1.1", f"Host: {where.netloc}"]
    lines += ["Content-Type: application/json", *(f"{k}: {v}" for k, v in load.headers.items())]
    head = "\r\n".join(lines).encode()
    bodies = Path(load.bodies).read_bytes().splitlines()
    while True:
        for body in bodies:
            yield b"%b\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def main() -> None:
    """Send what standard input says."""
    load = Load(**json.load(sys.stdin))
    sys.stdout.write(json.dumps(asdict(asyncio.run(_Sender(load).run()))))


if __name__ == "__main__":
    main()
