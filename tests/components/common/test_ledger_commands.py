"""`finloop ledger verify`: one JSON object, one sentence, one status."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from components.common import ledger_commands
from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.records import Event


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FINLOOP_HOME", str(tmp_path))
    path = tmp_path / "ledger.db"
    with closing(Ledger(path)) as ledger:
        ledger.append([Event("drift", "m", str(n), "a", datetime.now(UTC)) for n in range(3)])
    return path


def verified(*arguments: str) -> Result:
    app = typer.Typer()
    ledger_commands.mount(app)
    return CliRunner().invoke(app, ["ledger", "verify", *arguments])


def damage(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER events_no_update")
        database.execute("UPDATE events SET actor = 'nobody' WHERE seq = 2")
        database.commit()


def test_a_whole_ledger_is_told_with_its_head(path: Path) -> None:
    told = verified("--json")
    found = json.loads(told.stdout)
    assert (told.exit_code, found["ok"], found["rows"], found["faults"]) == (0, True, 3, [])
    assert f"Note 3:{found['head']}" in verified().stdout
    assert verified("--anchor", f"3:{found['head']}").exit_code == 0
    assert verified("--anchor", f"2:{found['head']}").exit_code == 1


def test_a_changed_row_is_one_sentence_and_a_status(path: Path) -> None:
    damage(path)
    told = verified()
    assert told.exit_code == 1
    assert told.stderr.splitlines()[-1] == (
        "finloop: Row 2 (events) of segment 1 is not what was written."
    )
    found = json.loads(verified("--json").stdout)
    assert [fault["seq"] for fault in found["faults"]] == [2]
    assert found["ok"] is False


def test_no_ledger_is_one_sentence_and_none_is_made(path: Path) -> None:
    path.unlink()
    raised = verified().exception
    assert isinstance(raised, FinloopError)
    assert raised.code == "no_ledger"
    assert not path.exists()
