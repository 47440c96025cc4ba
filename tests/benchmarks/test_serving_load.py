"""The load generator hides nothing: what waits counts from when it was due."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.serving_load import Load, put_under


class _Answerer(BaseHTTPRequestHandler):
    """Answers by what the body says: slowly, with an error, or not at all."""

    protocol_version = "HTTP/1.1"
    got: list[str] = []  # noqa: RUF012 - of the whole test
    stall = threading.Event()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.got.append(body["id"])
        if body["id"] == "slow":
            time.sleep(0.5)
        if body["id"] == "gone":
            self.close_connection = True
            return
        self.send_response(503 if body["id"] == "bad" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    _Answerer.got.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answerer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/decide"
    server.shutdown()
    thread.join()
    server.server_close()


def bodies(folder: Path, *names: str) -> str:
    file = folder / "bodies.jsonl"
    file.write_text("".join(json.dumps({"id": name}) + "\n" for name in names))
    return str(file)


def test_every_due_request_is_sent_and_counted(address: str, tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(40)]
    found = put_under(Load(address, bodies(tmp_path, *names), 1.0, rate=40.0, connections=4))
    assert (found.sent, found.statuses, found.errors) == (40, {"200": 40}, 0)
    assert sorted(_Answerer.got) == sorted(names)
    assert found.seconds >= 0.97


def test_what_waits_behind_a_slow_answer_counts_from_when_it_was_due(
    address: str, tmp_path: Path
) -> None:
    """One connection, and the first answer takes half a second: all behind it are late."""
    names = ["slow", *["quick"] * 9]
    found = put_under(Load(address, bodies(tmp_path, *names), 0.2, rate=50.0, connections=1))
    assert found.answered == 10
    assert found.p50_ms > 350, "a client that waits before it sends would see a millisecond"


def test_errors_and_broken_connections_are_no_answers(address: str, tmp_path: Path) -> None:
    load = Load(address, bodies(tmp_path, "a", "bad", "gone", "b"), 0.4, rate=10.0, connections=3)
    found = put_under(load)
    assert found.statuses == {"200": 2, "503": 1, "lost": 1}
    assert found.errors == 2


def test_without_a_rate_it_asks_as_fast_as_answers_come(address: str, tmp_path: Path) -> None:
    found = put_under(Load(address, bodies(tmp_path, "a"), 0.5, connections=4))
    assert found.sent == found.answered > 4
    assert found.rate == pytest.approx(found.answered / found.seconds)
