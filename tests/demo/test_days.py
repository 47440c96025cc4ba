"""Days of the story: what is sent, what comes in as files, and features that are brought up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.common import lake
from components.common.feature_tables import MadeFrom, current
from components.common.settings import Settings
from demo.company import Company, StoryConfig, make_company
from demo.days import Days, come_in, refresh

SMALL = StoryConfig(users=40, merchants=15, history_days=12, filed_days=3, later_days=3)


@pytest.fixture(scope="module")
def company() -> Company:
    return make_company(SMALL, "Asia/Seoul")


@pytest.fixture
def settings(company: Company, tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    company.write_history(tmp_path / "inbox")
    come_in(settings, tmp_path / "inbox")
    return settings


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server that refuses everything, and what it was asked."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with closing(server.socket):
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


def _days(company: Company, settings: Settings, base: str) -> Days:
    return Days(company, settings, base, "key", company.drift)


def _count(settings: Settings, table: str) -> int:
    scan = lake.scan(settings.lake, table)
    with lake.connect() as connection:
        return len(connection.execute(f"SELECT 1 FROM {scan}").fetchall())  # noqa: S608 - a path of ours


def test_days_in_files_ask_nobody_and_fill_the_lake(
    company: Company, settings: Settings, asked: tuple[str, list[str]]
) -> None:
    base, paths = asked
    days = _days(company, settings, base)
    before = _count(settings, "transactions")
    filed = days.pass_in_files(timedelta(days=SMALL.filed_days))
    happened = company.transactions.to_pandas()["event_timestamp"]
    until = company.drift + timedelta(days=SMALL.filed_days)
    assert filed == ((happened >= company.drift) & (happened < until)).sum() > 0
    assert _count(settings, "transactions") == before + filed
    assert (days.now, paths) == (until, [])


def test_outcomes_of_the_history_go_on_coming_in(
    company: Company, settings: Settings, asked: tuple[str, list[str]]
) -> None:
    before = _count(settings, "outcomes")
    days = Days(company, settings, asked[0], "key", company.opening)
    days.pass_in_files(timedelta(days=4))
    known = company.outcomes.to_pandas()["outcome_timestamp"]
    new = (known >= company.opening) & (known < company.opening + timedelta(days=4))
    assert _count(settings, "outcomes") == before + new.sum() > before


def test_news_leave_out_what_the_services_decided_on(company: Company, tmp_path: Path) -> None:
    until = company.drift + timedelta(days=1)
    every = company.write_news(tmp_path / "all", company.drift, until, ())
    happened = company.transactions.to_pandas().set_index("transaction_id")["event_timestamp"]
    inside = happened[(happened >= company.drift) & (happened < until)].index
    decided = set(inside[: len(inside) // 2])
    some = company.write_news(tmp_path / "some", company.drift, until, decided)
    assert (every, some) == (len(inside), len(inside) - len(decided))
    assert company.write_news(tmp_path / "none", company.drift, until, set(inside)) == 0
    assert not (tmp_path / "none" / "transactions.parquet").exists()


def test_a_service_that_does_not_answer_stops_the_story(
    company: Company, settings: Settings, asked: tuple[str, list[str]]
) -> None:
    base, paths = asked
    days = _days(company, settings, base)
    with pytest.raises(Exception, match="did not answer every payment"):
        days.pass_by(timedelta(hours=12))
    assert set(paths) == {"/v1/fraud/decisions"}


def test_outcomes_that_are_not_taken_stop_the_story(
    company: Company, settings: Settings, asked: tuple[str, list[str]]
) -> None:
    base, _ = asked
    days = _days(company, settings, base)
    days.decided = set(company.outcomes["transaction_id"].to_pylist())
    with pytest.raises(Exception, match="did not take every outcome"):
        asyncio.run(days._send_outcomes(company.end))


def test_features_follow_the_lake_and_nothing_is_done_twice(settings: Settings) -> None:
    refresh(settings)
    note = settings.feature_tables / "made_from.json"
    made, written = MadeFrom.read(settings.feature_tables), note.stat().st_mtime_ns
    assert made == current(settings)
    refresh(settings)
    assert note.stat().st_mtime_ns == written
