"""Whatever is done to the file behind the ledger's back is found, and named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from components.common.errors import FinloopError
from components.common.ledger import Ledger, writing
from components.common.ledger.book import open_store
from components.common.ledger.tables import TABLES, Column
from components.common.ledger.verify import Anchor, Verification, verify
from components.common.records import Decision, Event, Member, Outcome, Shadow
from tests.components.common.ledger.conftest import WHEN

Make = Callable[..., Decision]
Tamper = Callable[..., None]


@pytest.fixture
def tamper(where: Path | SecretStr) -> Tamper:
    """Run SQL on the database as one who can: guards are taken down first."""

    def run(*statements: str) -> None:
        with closing(open_store(where, 30.0, "disk")) as store:
            for statement in _without_guards(where):
                store.execute(statement)
            for statement in statements:
                assert store.execute(statement) > 0, f"{statement} changed nothing"

    return run


def _without_guards(where: Path | SecretStr) -> list[str]:
    names = [*(table.name for table in TABLES), "erased", "segments"]
    if isinstance(where, SecretStr):
        return [f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in names]
    return [f"DROP TRIGGER {name}_no_{verb}" for name in names for verb in ("update", "delete")]


@pytest.fixture
def written(ledger: Ledger, decision: Make, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Ten rows of five kinds in three segments: 1-4, 5-8, 9-10."""
    monkeypatch.setattr(writing, "SEGMENT_ROWS", 4)
    for number in range(1, 7):
        ledger.append([decision(number)])
    ledger.append(
        [Member("d1", "m", "3", "9" * 64, "champion", 0.4, "APPROVE", 0.2, "model_late", WHEN)]
    )
    ledger.append([Shadow("d1", "m", "4", 0.5, "REVIEW", 0.3, None, WHEN)])
    ledger.append([Outcome("fraud", "t1", True, WHEN, "chargeback", WHEN)])
    ledger.append([Event("approval", "m", "4", "kim", WHEN, "4", {"note": "known"})])
    return ledger


def sentences(found: Verification) -> list[str]:
    assert found.ok == (not found.faults)
    return [fault.sentence for fault in found.faults]


def test_what_was_written_verifies(written: Ledger) -> None:
    found = verify(written)
    assert (found.ok, found.rows, found.segments, found.last_seq) == (True, 10, 3, 10)


def test_an_empty_ledger_verifies(ledger: Ledger) -> None:
    assert (verify(ledger).ok, verify(ledger).rows) == (True, 0)


def test_records_that_were_there_already_leave_no_gap(ledger: Ledger, decision: Make) -> None:
    assert ledger.append([decision(1), decision(1), decision(2)]) == [True, False, True]
    assert ledger.append([decision(2)]) == [False]
    assert verify(ledger).rows == 2
    assert verify(ledger).ok


def test_values_that_databases_change_do_not_break_the_chain(
    ledger: Ledger, decision: Make
) -> None:
    odd = [
        decision(1, score=float("nan")),
        decision(2, score=-0.0, latency_ms=3),
        decision(3, score=float("inf"), latency_ms=1e-320),
        decision(4, request="é\u200b\ud7a3\n'\"", error=""),
    ]
    ledger.append(odd)
    assert verify(ledger).ok


COLUMNS = [(table.name, column) for table in TABLES[:4] for column in table.columns]


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[f"{t}.{c.name}" for t, c in COLUMNS])
def test_an_edit_of_any_column_is_found(
    written: Ledger, tamper: Tamper, table: str, column: Column
) -> None:
    other = {"TEXT": "'other'", "REAL": "0.75", "INTEGER": "0"}[column.sql]
    newest = f"(SELECT max(seq) FROM {table})"  # noqa: S608
    tamper(f"UPDATE {table} SET {column.name} = {other} WHERE seq = {newest}")  # noqa: S608
    (sentence,) = sentences(verify(written))
    assert f"({table})" in sentence
    assert sentence.endswith("is not what was written.")


@pytest.mark.parametrize("column", ["salt", "link"])
def test_an_edit_of_what_holds_the_chain_is_found(
    written: Ledger, tamper: Tamper, column: str
) -> None:
    other = "link" if column == "salt" else "salt"
    tamper(f"UPDATE decisions SET {column} = {other} WHERE seq = 2")  # noqa: S608
    assert "Row 2 (decisions) of segment 1 is not what was written." in sentences(verify(written))


def test_a_removed_row_is_found(written: Ledger, tamper: Tamper) -> None:
    tamper("DELETE FROM decisions WHERE seq = 6")
    assert sentences(verify(written)) == ["Row 6 is missing from segment 2."]


def test_a_removed_span_is_found(written: Ledger, tamper: Tamper) -> None:
    tamper("DELETE FROM decisions WHERE seq IN (1, 2, 3)")
    assert sentences(verify(written)) == ["Rows 1 to 3 are missing from segment 1."]


def test_rows_that_changed_places_are_found(written: Ledger, tamper: Tamper) -> None:
    tamper(
        "UPDATE decisions SET seq = -1 WHERE seq = 2",
        "UPDATE decisions SET seq = 2 WHERE seq = 3",
        "UPDATE decisions SET seq = 3 WHERE seq = -1",
    )
    assert "Row 2 (decisions) of segment 1 is not what was written." in sentences(verify(written))


def test_a_removed_row_cannot_be_closed_up(written: Ledger, tamper: Tamper) -> None:
    tamper(
        "DELETE FROM decisions WHERE seq = 5",
        "UPDATE decisions SET seq = 5 WHERE seq = 6",
    )
    told = sentences(verify(written))
    assert told == [
        "Row 5 (decisions) of segment 2 is not what was written.",
        "Row 6 is missing from segment 2.",
    ]


def test_a_cut_off_tail_is_found(written: Ledger, tamper: Tamper) -> None:
    tamper("DELETE FROM events WHERE seq = 10")
    assert sentences(verify(written)) == ["Row 10 is missing from segment 3."]


def test_a_cut_off_segment_is_found(written: Ledger, tamper: Tamper) -> None:
    tamper("DELETE FROM segments WHERE segment = 2")
    assert sentences(verify(written))[0] == "Segment 2 does not begin where the one before it ends."


def test_a_row_that_was_slipped_in_behind_is_found(written: Ledger, tamper: Tamper) -> None:
    tamper(
        "INSERT INTO events SELECT 11, kind, model, 'forged', actor, recorded_at, version, body, "
        "salt, link FROM events WHERE seq = 10"
    )
    assert sentences(verify(written)) == ["Row 11 of events is not part of the chain."]


def test_a_row_that_was_slipped_in_beside_another_is_found(written: Ledger, tamper: Tamper) -> None:
    tamper(
        "INSERT INTO events SELECT 2, kind, model, 'forged', actor, recorded_at, version, body, "
        "salt, link FROM events WHERE seq = 10"
    )
    assert sentences(verify(written)) == [
        "Row 2 (events) of segment 1 stands in the place of another one."
    ]


def test_a_tail_cut_with_its_head_is_found_by_who_noted_the_head(
    written: Ledger, tamper: Tamper
) -> None:
    noted = verify(written)
    anchor = Anchor.parse(f"{noted.last_seq}:{noted.head}")
    tamper(
        "DELETE FROM events WHERE seq = 10",
        "UPDATE segments SET last_seq = 9, head = (SELECT link FROM outcomes WHERE seq = 9) "
        "WHERE segment = 3",
    )
    assert verify(written).ok, "alone, the file cannot know"
    assert sentences(verify(written, anchor=anchor)) == [
        "The chain ends before the row 10 that was noted."
    ]
    written.append([Event("approval", "m", "5", "forger", WHEN)])
    (sentence,) = sentences(verify(written, anchor=anchor))
    assert sentence.startswith("The chain up to row 10 is not the one")


def test_a_noted_head_that_still_leads_on_is_accepted(written: Ledger, decision: Make) -> None:
    noted = verify(written)
    written.append([decision(99)])
    assert verify(written, anchor=Anchor(noted.last_seq, noted.head)).ok


@pytest.mark.parametrize("text", ["", "12", "12:abc", f"x:{'a' * 64}"])
def test_an_anchor_that_cannot_be_read_is_one_sentence(text: str) -> None:
    with pytest.raises(FinloopError, match="is no SEQ:HEAD"):
        Anchor.parse(text)


def test_one_segment_is_verified_alone(written: Ledger, tamper: Tamper) -> None:
    tamper("UPDATE decisions SET score = 0.9 WHERE seq = 2")
    assert verify(written, segment=2).ok
    assert verify(written, segment=2).rows == 4
    assert not verify(written, segment=1).ok
    with pytest.raises(FinloopError, match="no segment 9"):
        verify(written, segment=9)


@pytest.mark.parametrize(
    "statement", ["UPDATE segments SET head = head_before", "DELETE FROM segments"]
)
def test_a_sealed_segment_cannot_be_changed(
    written: Ledger, where: Path | SecretStr, statement: str
) -> None:
    with (
        closing(open_store(where, 30.0, "disk")) as other,
        pytest.raises(Exception, match="append-only"),
    ):
        other.execute(statement)
    sealed = written.rows("SELECT segment FROM segments WHERE sealed_at IS NOT NULL")
    assert [row["segment"] for row in sealed] == [1, 2]


def test_two_ledgers_take_turns_at_the_end_of_one_chain(
    ledger: Ledger, where: Path | SecretStr, decision: Make
) -> None:
    with closing(Ledger(where)) as other:
        for number in range(0, 20, 2):
            ledger.append([decision(number)])
            other.append([decision(number + 1)])
    assert (verify(ledger).ok, verify(ledger).rows) == (True, 20)


def test_many_faults_are_counted_and_the_first_are_told(
    ledger: Ledger, decision: Make, tamper: Tamper
) -> None:
    ledger.append([decision(number) for number in range(50)])
    tamper("UPDATE decisions SET score = 0.9")
    found = verify(ledger)
    assert (found.fault_count, len(found.faults)) == (50, 20)
