"""A file of the layout without a chain is taken up once, whole, as the first segment."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

import pytest

from components.common.ledger import Ledger
from components.common.ledger.tables import table_of
from components.common.ledger.verify import verify
from components.common.records import Decision, Event, Outcome, Record, Shadow
from tests.components.common.ledger.conftest import WHEN

Make = Callable[..., Decision]
OLDER = """
CREATE TABLE decisions (
    seq INTEGER PRIMARY KEY, decision_id TEXT NOT NULL UNIQUE, domain TEXT NOT NULL,
    subject_id TEXT NOT NULL, entity_id TEXT NOT NULL, event_timestamp TEXT NOT NULL,
    recorded_at TEXT NOT NULL, model TEXT NOT NULL, version TEXT, digest TEXT, arm TEXT NOT NULL,
    score REAL, decision TEXT NOT NULL, latency_ms REAL NOT NULL, error TEXT,
    request TEXT NOT NULL, features TEXT NOT NULL, answer TEXT NOT NULL,
    UNIQUE (domain, subject_id)) STRICT;
CREATE INDEX decisions_by_event ON decisions (domain, event_timestamp);
CREATE TABLE shadows (
    seq INTEGER PRIMARY KEY, decision_id TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL,
    score REAL, decision TEXT, latency_ms REAL NOT NULL, error TEXT, recorded_at TEXT NOT NULL,
    UNIQUE (decision_id, model, version)) STRICT;
CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY, domain TEXT NOT NULL, subject_id TEXT NOT NULL, label INTEGER NOT NULL,
    known_at TEXT NOT NULL, source TEXT NOT NULL, recorded_at TEXT NOT NULL,
    UNIQUE (domain, subject_id, known_at, source)) STRICT;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL,
    actor TEXT NOT NULL, recorded_at TEXT NOT NULL, version TEXT, body TEXT NOT NULL,
    UNIQUE (kind, model, key)) STRICT;
CREATE TRIGGER decisions_no_update BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""
SHADOW = Shadow("d1", "m", "4", None, None, 0.3, "late", WHEN)
OUTCOME = Outcome("fraud", "t1", True, WHEN, "chargeback", WHEN)
EVENT = Event("approval", "m", "4", "kim", WHEN, "4", {"note": "known"})


@pytest.fixture
def older(tmp_path: Path, decision: Make) -> Path:
    path = tmp_path / "older.db"
    records: list[Record] = [*(decision(n) for n in range(1, 1500)), SHADOW, OUTCOME, EVENT]
    with closing(sqlite3.connect(path)) as database:
        database.executescript(OLDER)
        for record in records:
            table = table_of(type(record))
            values = table.values(record)
            marks = ", ".join("?" * len(values))
            names = ", ".join(table.names)
            database.execute(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", values)  # noqa: S608
        database.commit()
    return path


def test_every_record_of_it_is_there_and_chained(older: Path, decision: Make) -> None:
    with closing(Ledger(older)) as ledger:
        assert [astuple(one) for one in ledger.decisions()] == [
            astuple(decision(n)) for n in range(1, 1500)
        ]
        assert (list(ledger.shadows()), list(ledger.outcomes())) == ([SHADOW], [OUTCOME])
        assert ledger.events() == [EVENT]
        found = verify(ledger)
        assert (found.ok, found.rows, found.segments) == (True, 1502, 1)


def test_followers_find_decisions_where_they_were(older: Path) -> None:
    with closing(Ledger(older)) as ledger:
        (position, found), *_ = ledger.decisions_after(700, limit=1)
        assert (position, found.decision_id) == (701, "d701")


def test_it_is_taken_up_once_and_goes_on(older: Path, decision: Make) -> None:
    with closing(Ledger(older)) as ledger:
        salts = ledger.rows("SELECT salt FROM decisions ORDER BY seq")
    with closing(Ledger(older)) as ledger:
        assert ledger.rows("SELECT salt FROM decisions ORDER BY seq") == salts
        assert ledger.append([decision(1), decision(2000)]) == [False, True]
        assert verify(ledger).ok


def test_what_guarded_it_guards_it_again(older: Path) -> None:
    Ledger(older).close()
    with closing(sqlite3.connect(older)) as other:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            other.execute("DELETE FROM decisions")
        names = {name for (name,) in other.execute("SELECT name FROM sqlite_master")}
    assert "decisions_by_event" in names
    assert not [name for name in names if name.startswith("older_")]


def test_a_failure_halfway_leaves_the_file_as_it_was(older: Path) -> None:
    with closing(sqlite3.connect(older)) as database:
        database.execute(
            "INSERT INTO events SELECT 2, kind, model, key || '2', actor, recorded_at, "
            "version, body FROM events"
        )
        database.execute("DROP TABLE outcomes")
        database.execute("CREATE TABLE outcomes (seq INTEGER, other TEXT)")
        database.execute("INSERT INTO outcomes VALUES (1, 'x')")
        database.commit()
    with pytest.raises(Exception, match="cannot be used"):
        Ledger(older)
    with closing(sqlite3.connect(older)) as database:
        assert database.execute("SELECT count(*) FROM decisions").fetchone() == (1499,)
        assert database.execute("SELECT count(*) FROM events").fetchone() == (2,)
