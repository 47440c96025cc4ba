"""A person who is erased is nowhere, everybody else is where they were, and the chain holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from components.common import lake
from components.common.identity import pseudonymise
from components.common.ingest import ingest
from components.common.ledger import Ledger, open_ledger
from components.common.ledger.tables import TABLES
from components.common.ledger.verify import verify
from components.common.records import Decision, Erasure, Event, Member, Outcome, Shadow
from components.common.settings import Settings
from finloop import app
from serving.common.carrying import Carrier
from serving.common.domain import services
from serving.common.online_features import OnlineFeatures
from serving.common.position import Position
from tests.postgres_server import PostgresServer
from tests.serving.conftest import FIRST

Make = Callable[..., Decision]
NOTE = "knows nothing of this payment"
NOW = datetime(2026, 3, 20, tzinfo=UTC)
VIEW = "fraud_user_recent"


def _company(folder: Path) -> Path:
    """Two people with two payments each, on two days; one row of the first is in no state."""
    folder.mkdir()
    paid = pd.DataFrame(
        {
            "transaction_id": ["k1", "k2", "l1", "l2", "k3"],
            "event_timestamp": pd.to_datetime(
                ["2026-01-01", "2026-03-10", "2026-01-01", "2026-03-11", "2026-03-11"], utc=True
            ),
            "user_id": ["kim", "kim", "lee", "lee", "kim"],
            "merchant_id": "m1",
            "amount": [1.0, 2.0, 3.0, 4.0, -1.0],
        }
    )
    paid.to_parquet(folder / "transactions.parquet", index=False)
    known = pd.DataFrame(
        {
            "transaction_id": ["k1", "l1", "k2"],
            "is_fraud": [True, False, False],
            "outcome_timestamp": pd.to_datetime(
                ["2026-01-08", "2026-01-08", "2026-03-18"], utc=True
            ),
        }
    )
    known.to_parquet(folder / "outcomes.parquet", index=False)
    return folder


@pytest.fixture
def store_settings(store_settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Both profiles: files alone, or Redis with PostgreSQL."""
    if store_settings.online_store is None:
        return store_settings
    server: PostgresServer = request.getfixturevalue("postgres_server")
    server.empty()
    return store_settings.model_copy(update={"ledger_url": server.address()})


@pytest.fixture
def pseudonyms(store_settings: Settings) -> dict[str, str]:
    key = store_settings.pseudonym_secret()
    return {name: pseudonymise(name, key) for name in ("kim", "lee")}


@pytest.fixture
def home(
    store_settings: Settings,
    online: OnlineFeatures,
    pseudonyms: dict[str, str],
    decided: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """An installation that knows both from every side."""
    ingest(_company(tmp_path / "company"), "finloop", store_settings, NOW)
    _serve(store_settings, online, pseudonyms, decided)
    _run_pipelines(store_settings.home, pseudonyms)
    monkeypatch.setenv("FINLOOP_HOME", str(store_settings.home))
    if store_settings.online_store is not None:
        monkeypatch.setenv("FINLOOP_ONLINE_STORE", store_settings.online_store.get_secret_value())
    if store_settings.ledger_url is not None:
        monkeypatch.setenv("FINLOOP_LEDGER_URL", store_settings.ledger_url.get_secret_value())
    return store_settings.home


def _serve(
    settings: Settings, online: OnlineFeatures, pseudonyms: dict[str, str], decided: Make
) -> None:
    with closing(open_ledger(settings)) as ledger:
        for number, name in enumerate(["kim", "lee", "kim"]):
            person = pseudonyms[name]
            ledger.append([decided(number, user_id=person)])
            shadow = Shadow(f"d{number}", "m", "2", 0.5, "REVIEW", 0.3, None, FIRST)
            outcome = Outcome("fraud", f"t{number}", True, FIRST, "chargeback", FIRST)
            digest = "9" * 64
            said = Member(f"d{number}", "m", "3", digest, "champion", 0.4, None, 0.2, None, FIRST)
            note = {"step": "resolve", "outcome": "fraud", "note": f"rang {name}: {NOTE}"}
            steps = [
                Event("review", "fraud", f"d{number}/{step}", "mina", FIRST, body=body)
                for step, body in enumerate([{"step": "claim"}, note], start=1)
            ]
            ledger.append([shadow, said, outcome, *steps])
        ledger.append(
            [
                Event("review", "fraud", f"d{place}/1", "mina", FIRST, body={"step": "claim"})
                for place in (10, 20)
            ]
        )
        ledger.append([Event("approval", "fraud-xgboost", "d0/1", "jia", FIRST, version="3")])
        Carrier(lambda: ledger, online, Position(settings.serving), services()).step()


def _run_pipelines(home: Path, pseudonyms: dict[str, str]) -> None:
    """A frame and a report of a run, as they lie about afterwards."""
    run = home / "kfp" / "runs" / "run-1"
    run.mkdir(parents=True)
    frame = {
        "transaction_id": ["k2", "l2", "t2"],
        "user_id": [pseudonyms["kim"], pseudonyms["lee"], pseudonyms["kim"]],
        "event_timestamp": pa.array([NOW] * 3, pa.timestamp("us", tz="UTC")),
    }
    pq.write_table(pa.table(frame), run / "frame.parquet")
    without_people = pa.table({"transaction_id": ["k1", "l1"], "amount": [1.0, 3.0]})
    pq.write_table(without_people, run / "features.parquet")
    pq.write_table(pa.table({"amount": [1.0]}), run / "sample.parquet")
    (run / "report.html").write_text(f"<p>{pseudonyms['kim']} and {pseudonyms['lee']}</p>")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["privacy", *words])


def written(settings: Settings, text: str) -> list[str]:
    """Where a text is kept: files below home, and tables of the ledger's server."""
    found = holding(settings.home, text)
    if settings.ledger_url is not None:
        with closing(open_ledger(settings)) as ledger:
            for name in [*(table.name for table in TABLES), "erased", "segments"]:
                if text in str(ledger.rows(f"SELECT * FROM {name}")):  # noqa: S608 - our names
                    found.append(name)
    return found


def holding(home: Path, text: str) -> list[str]:
    """Files below home that hold a text, inside compressed pages, too."""
    found = []
    for path in (path for path in home.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += str(pq.read_table(path).to_pylist()).encode()
        if text.encode() in content:
            found.append(str(path.relative_to(home)).removesuffix("-wal"))  # a database is one
    return sorted(set(found))


def known_online(online: OnlineFeatures, person: str) -> list[str]:
    row = online.read([VIEW], {"user_id": person}, NOW)[VIEW]
    return list(row.values.get("transaction_ids", []))


def test_the_person_is_nowhere_and_the_other_one_is_where_they_were(
    home: Path, online: OnlineFeatures, pseudonyms: dict[str, str], store_settings: Settings
) -> None:
    kim, lee = pseudonyms["kim"], pseudonyms["lee"]
    before = written(store_settings, lee)
    assert len(written(store_settings, kim)) >= 6, "else this test sees nothing"
    assert written(store_settings, f"rang kim: {NOTE}")
    assert known_online(online, kim)
    erased = json.loads(run("erase", "kim", "--by", "mina", "--json").stdout)
    assert erased["ledger"] == {
        "decisions": 2,
        "outcomes": 2,
        "members": 2,
        "shadows": 2,
        "events": 4,
    }
    assert erased["files"] == {
        "kfp": 3,
        "lake/outcomes": 2,
        "lake/transactions": 2,
        "quarantine": 1,
    }
    assert (erased["texts"], erased["online"], erased["lake_changed"]) == (1, 1, True)
    assert written(store_settings, kim) == []
    assert written(store_settings, lee) == before
    assert written(store_settings, f"rang kim: {NOTE}") == []
    assert written(store_settings, f"rang lee: {NOTE}")
    assert known_online(online, kim) == []
    assert known_online(online, lee) == ["t1"]
    lake.digest(store_settings.lake)  # raises where files and digests differ
    assert lake.count(store_settings.lake, "transactions") == 2
    left = pq.read_table(home / "kfp" / "runs" / "run-1" / "features.parquet")
    assert left["transaction_id"].to_pylist() == ["l1"], "payments are theirs without their name"


def test_the_chain_holds_and_says_that_something_went(home: Path, store_settings: Settings) -> None:
    run("erase", "kim", "--by", "mina")
    with closing(open_ledger(store_settings)) as ledger:
        found = verify(ledger)
        assert (found.ok, found.erased) == (True, 12)
        assert [one.subject_id for one in ledger.decisions()] == ["t1"]
        left = [(one.kind, one.key) for one in ledger.events()]
        assert left == [
            ("review", "d1/1"),
            ("review", "d1/2"),
            ("review", "d10/1"),
            ("review", "d20/1"),
            ("approval", "d0/1"),
        ], "steps of other cases, and what is no step of a case"
        erasures = list(ledger.select(Erasure))
        assert {one.actor for one in erasures} == {"mina"}
        assert {name for one in erasures for name in one.body} == {"rows"}


def test_a_new_decision_never_takes_the_place_of_an_erased_one(
    home: Path, store_settings: Settings, decided: Make
) -> None:
    with closing(open_ledger(store_settings)) as ledger:
        last = ledger.decisions_after(0, 10)[-1][0]
        run("erase", "kim")
        ledger.append([decided(9, user_id="new")])
        assert [one.subject_id for _, one in ledger.decisions_after(last, 10)] == ["t9"]
        assert verify(ledger).ok


def test_asking_again_removes_nothing_and_says_so(home: Path, store_settings: Settings) -> None:
    run("erase", "kim")
    again = run("erase", "kim")
    assert again.exit_code == 0
    assert again.stdout == "Nothing is kept about this user, so nothing was removed.\n"
    assert run("erase", "nobody").stdout == again.stdout
    with closing(open_ledger(store_settings)) as ledger:
        assert len(list(ledger.select(Erasure))) == 5, "one for each table, and none more"


def test_a_person_is_told_what_was_removed_and_what_comes_next(home: Path) -> None:
    told = run("erase", "kim")
    assert "lake/transactions: 2 rows" in told.stdout
    assert "ledger, decisions: 2 records" in told.stdout
    assert "finloop run data" in told.stderr


def test_an_installation_that_holds_nothing_yet_is_no_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINLOOP_HOME", str(settings.home))
    assert run("erase", "kim").exit_code == 0
    assert not settings.ledger.exists()


def test_what_is_too_old_expires_everywhere(
    home: Path,
    online: OnlineFeatures,
    pseudonyms: dict[str, str],
    store_settings: Settings,
    decided: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    today = datetime.now(UTC)
    with closing(open_ledger(store_settings)) as ledger:
        ledger.append([decided(7, user_id=pseudonyms["lee"], event_timestamp=today)])
    days = (today - datetime(2026, 3, 1, tzinfo=UTC)) // timedelta(days=1) - 5
    monkeypatch.setenv("FINLOOP_RETENTION_DAYS", str(days))  # the days before 2026-03-06 go
    expired = json.loads(run("expire", "--by", "clock", "--json").stdout)
    assert expired["ledger"] == {
        "decisions": 3,
        "members": 3,
        "outcomes": 3,
        "shadows": 3,
        "events": 8,
    }
    assert expired["files"] == {"lake/outcomes": 2, "lake/transactions": 2}
    with closing(open_ledger(store_settings)) as ledger:
        assert [one.subject_id for one in ledger.decisions()] == ["t7"]
        assert [one.kind for one in ledger.events()] == ["approval"], "nobody's"
        assert {one.reason for one in ledger.select(Erasure)} == {"retention"}
        assert verify(ledger).ok
    lake.digest(store_settings.lake)
    assert lake.count(store_settings.lake, "transactions") == 2
    again = run("expire")
    assert again.stdout == "Nothing is older than that, so nothing was removed.\n"


def test_nothing_expires_unless_somebody_says_when(home: Path) -> None:
    asked = run("expire")
    assert "set FINLOOP_RETENTION_DAYS" in str(asked.exception)


def test_a_row_that_went_without_a_record_is_a_fault(
    store_settings: Settings, decided: Make
) -> None:
    with closing(Ledger(store_settings.ledger)) as ledger:
        ledger.append([decided(1), decided(2)])
        with ledger.writing() as (store, _):
            store.execute(
                "INSERT INTO erased SELECT seq, 'decisions', 99, salt, link FROM decisions "
                "WHERE seq = 1"
            )
            store.execute("DELETE FROM decisions WHERE seq = 1")
        found = verify(ledger)
    assert [fault.sentence for fault in found.faults] == [
        "Row 1 of segment 1 was removed, and no erasure names it.",
        "Row 1 (erased) of segment 1 is not what was written.",
    ]
