"""The ledger keeps what it was given: all of a transaction or none of it, for ever."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from pydantic import SecretStr

from components.common.errors import Exit, FinloopError
from components.common.ledger import Ledger, Named, canonical_json, open_ledger
from components.common.ledger.book import open_store
from components.common.ledger.verify import verify
from components.common.records import Event, Outcome, Shadow
from components.common.settings import Settings
from tests.components.common.ledger.conftest import WHEN
from tests.components.common.ledger.conftest import make_decision as decision

SHADOW = Shadow("d1", "fraud-xgboost", "4", 0.5, "REVIEW", 0.3, None, WHEN)
OUTCOME = Outcome("fraud", "t1", True, WHEN, "chargeback", WHEN)
EVENT = Event("approval", "fraud-xgboost", "4", "kim", WHEN, "4", {"note": "a known body"})


def test_decisions_after_a_place_have_their_names(ledger: Ledger) -> None:
    ledger.append([decision(1), SHADOW, decision(2), decision(3)])
    names = ledger.names_after(1, 2)
    whole = ledger.decisions_after(1, 2)
    assert [(one.seq, one.decision_id) for one in names] == [(3, "d2"), (4, "d3")]
    for one, (place, kept) in zip(names, whole, strict=True):
        assert one == Named(place, kept.domain, kept.entity_id, kept.decision_id)


def test_what_was_written_is_read_back_equal(ledger: Ledger) -> None:
    assert ledger.append([decision(1), SHADOW, OUTCOME, EVENT]) == [True] * 4
    assert ledger.decision("d1") == decision(1)
    assert ledger.decision_on("fraud", "t1") == decision(1)
    assert list(ledger.shadows()) == [SHADOW]
    assert list(ledger.outcomes()) == [OUTCOME]
    assert ledger.events() == [EVENT]


def test_what_is_not_there_is_none(ledger: Ledger) -> None:
    assert ledger.decision("d1") is None
    assert ledger.decision_on("fraud", "t1") is None


def test_times_are_kept_in_utc_whatever_zone_they_came_in(ledger: Ledger) -> None:
    seoul = timezone(timedelta(hours=9))
    ledger.append([decision(1, event_timestamp=WHEN.astimezone(seoul))])
    (row,) = ledger.rows("SELECT event_timestamp FROM decisions")
    assert row["event_timestamp"] == "2026-03-01T12:00:00.123456+00:00"


def test_a_record_that_is_there_already_is_left_alone(ledger: Ledger) -> None:
    ledger.append([decision(1)])
    later = decision(1, decision_id="other", answer='{"decision":"DECLINE"}')
    assert ledger.append([later, decision(2)]) == [False, True]
    assert ledger.decision_on("fraud", "t1") == decision(1)


def test_events_are_found_by_kind_and_model(ledger: Ledger) -> None:
    other = replace(EVENT, model="credit", key="1")
    drift = replace(EVENT, kind="drift", key="w1")
    ledger.append([EVENT, other, drift])
    assert ledger.events("approval", "fraud-xgboost") == [EVENT]
    assert ledger.events(kind="approval") == [EVENT, other]
    assert ledger.events(model="fraud-xgboost") == [EVENT, drift]


def test_conditions_may_hold_times(ledger: Ledger) -> None:
    late = decision(2, recorded_at=WHEN + timedelta(hours=1))
    ledger.append([decision(1), late])
    assert list(ledger.decisions("recorded_at > ?", WHEN)) == [late]


def test_a_follower_that_keeps_its_position_misses_nothing(ledger: Ledger) -> None:
    ledger.append([decision(number) for number in range(5)])
    first = ledger.decisions_after(0, limit=3)
    rest = ledger.decisions_after(first[-1][0], limit=3)
    assert [found for _, found in first + rest] == [decision(number) for number in range(5)]
    assert ledger.decisions_after(rest[-1][0], limit=3) == []


@pytest.mark.parametrize("table", ["decisions", "shadows", "outcomes", "events"])
@pytest.mark.parametrize("change", ["UPDATE {} SET seq = seq + 1", "DELETE FROM {}"])
def test_nothing_written_can_be_changed_or_removed(
    ledger: Ledger, where: Path | SecretStr, table: str, change: str
) -> None:
    ledger.append([decision(1), SHADOW, OUTCOME, EVENT])
    with (
        closing(open_store(where, 30.0, "disk")) as other_program,
        pytest.raises(Exception, match="append-only"),
    ):
        other_program.execute(change.format(table))
    assert ledger.rows(f"SELECT count(*) AS n FROM {table}") == [{"n": 1}]  # noqa: S608


def test_a_bad_record_takes_the_whole_transaction_with_it(ledger: Ledger) -> None:
    bad = decision(2, score=cast(float, "high"))
    with pytest.raises(TypeError, match="A row of decisions cannot be"):
        ledger.append([decision(1), bad])
    assert list(ledger.decisions()) == []
    assert ledger.append([decision(3)]) == [True], "the lock was given back"


def test_an_interruption_between_two_records_writes_neither(ledger: Ledger) -> None:
    class Interrupting(dict[str, Any]):
        def items(self) -> Any:  # read while the transaction is open
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.append([decision(1), replace(EVENT, body=Interrupting(a=1))])
    assert list(ledger.decisions()) == []
    assert ledger.append([decision(1)]) == [True]


def test_a_full_disk_is_one_sentence_and_nothing_is_half_written(
    file_ledger: Ledger, tmp_path: Path
) -> None:
    file_ledger.append([decision(0)])
    (pages,) = file_ledger.rows("PRAGMA page_count")
    file_ledger.rows(f"PRAGMA max_page_count = {pages['page_count'] + 2}")
    batch = [decision(number, features="x" * 2000) for number in range(1, 50)]
    with pytest.raises(FinloopError, match="see that its disk has room") as raised:
        file_ledger.append(batch)
    assert (raised.value.code, raised.value.http_status) == ("ledger_unavailable", 503)
    assert raised.value.exit_status == Exit.UNAVAILABLE
    assert list(file_ledger.decisions()) == [decision(0)]
    file_ledger.rows("PRAGMA max_page_count = 1000000")
    assert all(file_ledger.append(batch)), "it goes on once there is room"


def test_a_file_that_is_no_ledger_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(FinloopError, match="ledger cannot be used"):
        Ledger(tmp_path / "ledger.db")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FinloopError, match="ledger cannot be used"):
        Ledger(tmp_path / "file" / "ledger.db")


def test_readers_are_not_held_up_by_an_open_transaction(
    ledger: Ledger, where: Path | SecretStr
) -> None:
    ledger.append([decision(1)])
    with closing(open_store(where, 30.0, "disk")) as writer, writer.writing():
        assert ledger.decision("d1") == decision(1)


def test_what_was_begun_is_there_once_it_is_committed_from_any_thread(
    file_ledger: Ledger, tmp_path: Path
) -> None:
    reader = Ledger(tmp_path / "ledger.db")
    begun = file_ledger.begin([decision(1), decision(1), decision(2)])
    assert begun is not None
    assert list(reader.decisions()) == []
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(begun.commit).result() == [True, False, True]
    assert list(reader.decisions()) == [decision(1), decision(2)]
    assert verify(file_ledger).faults == []
    reader.close()


def test_nothing_is_begun_where_somebody_else_writes(file_ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "ledger.db")
    begun = other.begin([decision(1)])
    assert begun is not None
    assert file_ledger.begin([decision(2)]) is None
    assert other.begin([decision(2)]) is None
    begun.commit()
    assert file_ledger.append([decision(2)]) == [True]
    other.close()


def test_who_may_not_wait_is_told_at_once(where: Path | SecretStr) -> None:
    with (
        closing(open_store(where, 3600.0, "process")) as one,
        closing(open_store(where, 3600.0, "process")) as other,
        one.writing(),
        pytest.raises(FinloopError, match="has not ended in time"),
        other.writing(wait=False),
    ):
        pass


def test_what_cannot_be_written_is_not_begun(file_ledger: Ledger) -> None:
    bad = replace(decision(2), score=cast(float, "high"))
    assert file_ledger.begin([decision(1), bad]) is None
    assert list(file_ledger.decisions()) == []
    assert file_ledger.append([decision(1)]) == [True]


def test_a_database_across_a_network_begins_nothing_beside_requests(
    where: Path | SecretStr, ledger: Ledger
) -> None:
    begun = ledger.begin([decision(1)])
    assert (begun is None) == isinstance(where, SecretStr)
    if begun is not None:
        begun.commit()


def test_threads_share_one_ledger(ledger: Ledger) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 25):
            ledger.append([decision(number)])

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 25, 50, 75)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {found.subject_id for found in ledger.decisions()} == {f"t{n}" for n in range(100)}


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from components.common.ledger import Ledger
from components.common.records import Event
from pydantic import SecretStr
place, start = sys.argv[1], int(sys.argv[2])
ledger = Ledger(SecretStr(place) if place.startswith("postgresql:") else Path(place))
mine = [Event("drift", "m", str(start + n), "a", datetime.now(UTC)) for n in range(40)]
shared = [Event("retrain", "m", str(n), "a", datetime.now(UTC)) for n in range(40)]
print(sum(ledger.append([a, b])[1] for a, b in zip(mine, shared)))
"""


def test_processes_share_one_ledger_from_its_first_moment(where: Path | SecretStr) -> None:
    argv = [sys.executable, "-c", _WRITER, _spelled(where)]
    running = [
        subprocess.Popen([*argv, str(100 * number)], stdout=subprocess.PIPE) for number in range(4)
    ]
    won = [int(process.communicate(timeout=60)[0]) for process in running]
    ledger = Ledger(where)
    assert len(ledger.events("drift")) == 160
    assert len(ledger.events("retrain")) == 40
    assert sum(won) == 40, "each shared event was new for exactly one of them"
    ledger.close()


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": 1.5, "a": "가"}) == '{"a":"가","b":1.5}'


@pytest.mark.parametrize(("durability", "synchronous"), [("disk", 2), ("process", 1)])
def test_durability_is_what_the_file_is_synced_by(
    tmp_path: Path, durability: Literal["disk", "process"], synchronous: int
) -> None:
    settings = Settings(home=tmp_path, ledger_durability=durability)
    with closing(open_ledger(settings)) as opened:
        assert opened.rows("PRAGMA synchronous") == [{"synchronous": synchronous}]


_ACKNOWLEDGED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from pydantic import SecretStr
from components.common.ledger import Ledger
from components.common.records import Event
place = sys.argv[1]
place = SecretStr(place) if place.startswith("postgresql:") else Path(place)
ledger = Ledger(place, durability=sys.argv[2])
for number in range(50):
    ledger.append([Event("drift", "m", str(number), "a", datetime.now(UTC))])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("durability", ["disk", "process"])
def test_what_was_written_outlives_a_killed_process(
    where: Path | SecretStr, durability: str
) -> None:
    argv = [sys.executable, "-c", _ACKNOWLEDGED, _spelled(where), durability]
    assert subprocess.run(argv, check=False, timeout=60).returncode == -signal.SIGKILL
    with closing(Ledger(where)) as left:
        assert len(left.events()) == 50
        assert verify(left).ok


def _spelled(where: Path | SecretStr) -> str:
    return where.get_secret_value() if isinstance(where, SecretStr) else str(where)
