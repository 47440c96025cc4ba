"""Several connections to one file: SQLite itself does not always wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.ledger.sqlite import SqliteStore, patiently
from components.common.records import Decision
from tests.ledger_log import log_began


def _refused(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("refused")
    error.sqlite_errorcode = code
    return error


class Refusing:
    """Is refused with each of the errors in turn, and then goes well."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_PROTOCOL]
)
def test_what_another_connection_is_in_the_way_of_is_done_again(code: int) -> None:
    act = Refusing(_refused(code), _refused(code))

    patiently(act, 5.0)

    assert act.errors == []


def test_patience_ends() -> None:
    act = Refusing(*(_refused(sqlite3.SQLITE_BUSY) for _ in range(100)))

    with pytest.raises(sqlite3.OperationalError):
        patiently(act, 0.0)

    assert len(act.errors) == 99


def test_a_damaged_file_is_not_tried_again() -> None:
    act = Refusing(_refused(sqlite3.SQLITE_CORRUPT))

    with pytest.raises(sqlite3.OperationalError):
        patiently(act, 60.0)

    assert act.errors == []


def test_many_make_a_new_ledger_at_once(tmp_path: Path) -> None:
    together = Barrier(8)

    def write(_: int) -> int:
        together.wait()
        path = tmp_path / "new" / "ledger.db"
        with closing(SqliteStore(path, 30.0, "process")) as store, store.writing():
            return store.rows("SELECT count(*) AS n FROM events")[0]["n"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(write, range(8))) == [0] * 8


def test_a_writer_that_does_not_end_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with (
        closing(SqliteStore(path, 30.0, "process")) as first,
        closing(SqliteStore(path, 0.1, "process")) as second,
        first.writing(),
        pytest.raises(FinloopError, match="Another process writes the ledger"),
        second.writing(),
    ):
        pass


def test_a_tidy_log_begins_again_though_nobody_who_writes_has_copied_it(
    tmp_path: Path, decision: Callable[..., Decision]
) -> None:
    path = tmp_path / "ledger.db"
    with closing(Ledger(path)) as writer, closing(Ledger(path)) as beside:
        writer.append([decision(1)])
        began = log_began(path)
        writer.append([decision(2)])
        assert log_began(path) == began
        beside.tidy()
        writer.append([decision(3)])
        assert log_began(path) != began
        assert [one.decision_id for one in beside.decisions()] == ["d1", "d2", "d3"]


def test_tidying_waits_for_nobody_and_nobody_for_it(
    tmp_path: Path, decision: Callable[..., Decision]
) -> None:
    path = tmp_path / "ledger.db"
    with closing(Ledger(path)) as writer, closing(Ledger(path)) as beside:
        begun = writer.begin([decision(1)])
        assert begun is not None
        beside.tidy()
        assert begun.commit() == [True]
        assert [one.decision_id for one in beside.decisions()] == ["d1"]
