"""Requests share transactions, and each knows what became of its own records."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from components.common.errors import FinloopError, unavailable
from components.common.ledger import Begun, Ledger, Record
from components.common.records import Decision, Event, Outcome
from serving.common.recorder import Recorder

Make = Callable[..., Decision]
FIRST = Event("drift", "m", "k", "a", datetime(2026, 3, 1, tzinfo=UTC))


class Held(Ledger):
    """A ledger whose first transaction waits for a signal, and that notes the size of each.

    `near` as the store's: whether transactions are made where the requests are.
    """

    def __init__(self, path: Path, near: bool = True) -> None:
        super().__init__(path)
        self.near = near
        self.taken, self.let_go = threading.Event(), threading.Event()
        self.groups: list[int] = []

    def begin(self, records: Sequence[Record]) -> Begun | None:
        begun = super().begin(records) if self.near else None
        return begun and HeldCommit(self, len(records), begun)

    def append(self, records: Sequence[Record]) -> list[bool]:
        self.hold(len(records))
        return super().append(records)

    def hold(self, size: int) -> None:
        self.taken.set()
        self.let_go.wait(30)
        self.groups.append(size)


class HeldCommit(Begun):
    def __init__(self, ledger: Held, size: int, begun: Begun) -> None:
        self.ledger, self.size, self.begun = ledger, size, begun

    def commit(self) -> list[bool]:
        self.ledger.hold(self.size)
        return self.begun.commit()


@pytest.fixture(params=[True, False], ids=["near", "far"])
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Held:
    return Held(tmp_path / "ledger.db", request.param)


async def all_of(recorder: Recorder, records: Sequence[Record]) -> list[Any]:
    waiting = [asyncio.ensure_future(recorder.record(record)) for record in records]
    return await asyncio.gather(*waiting, return_exceptions=True)


def record_together(recorder: Recorder, ledger: Held, records: Sequence[Record]) -> list[Any]:
    """Record these while the writer is busy with another one, so that they wait together."""

    async def send() -> list[Any]:
        first = asyncio.ensure_future(recorder.record(FIRST))
        await asyncio.to_thread(ledger.taken.wait, 30)
        rest = asyncio.ensure_future(all_of(recorder, records))
        while recorder.waiting < len(records):
            await asyncio.sleep(0)
        ledger.let_go.set()
        await first
        return await rest

    return asyncio.run(send())


def test_what_waits_together_is_committed_together(held: Held, decided: Make) -> None:
    recorder = Recorder(held)
    records = [decided(number) for number in range(20)]
    assert record_together(recorder, held, records) == [[True]] * 20
    assert held.groups == [1, 20]
    recorder.close()


def test_the_answer_comes_after_the_commit(ledger: Ledger, tmp_path: Path, decided: Make) -> None:
    async def send() -> Decision | None:
        await recorder.record(decided(1))
        return ledger.decision("d1")  # another connection than the writer's

    recorder = Recorder(Ledger(tmp_path / "home" / "ledger.db"))
    assert asyncio.run(send()) == decided(1)
    recorder.close()


def test_several_records_of_one_caller_stay_together(ledger: Ledger, decided: Make) -> None:
    recorder = Recorder(ledger)
    outcome = Outcome("fraud", "t1", True, decided(1).recorded_at, "s", decided(1).recorded_at)

    async def send() -> list[list[bool]]:
        return [
            await recorder.record(decided(1), outcome),
            await recorder.record(decided(1), decided(2)),
            await recorder.record(),
        ]

    assert asyncio.run(send()) == [[True, True], [False, True], []]
    recorder.close()


def test_a_bad_record_costs_only_its_own_caller(held: Held, decided: Make) -> None:
    recorder = Recorder(held)
    bad = decided(2, score=cast(float, "high"))

    first, second, third = record_together(recorder, held, [decided(1), bad, decided(3)])
    assert held.groups == [1, 3, 1, 1, 1]
    assert (first, third) == ([True], [True])
    assert isinstance(second, TypeError)
    assert [one.subject_id for one in held.decisions()] == ["t1", "t3"]
    recorder.close()


def test_who_finds_another_writer_waits_for_it(
    ledger: Ledger, tmp_path: Path, decided: Make
) -> None:
    other = Ledger(tmp_path / "home" / "ledger.db")
    recorder = Recorder(ledger)

    async def send() -> list[bool]:
        with other.writing():
            recording = asyncio.ensure_future(recorder.record(decided(1)))
            await asyncio.sleep(0.05)  # the loop goes on meanwhile
            assert not recording.done()
        return await recording

    assert asyncio.run(send()) == [True]
    assert list(other.decisions()) == [decided(1)]
    recorder.close()


def test_a_commit_that_fails_is_told_to_everyone_and_it_goes_on_afterwards(
    ledger: Ledger, decided: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(ledger)

    def fail(begun: Begun) -> list[bool]:
        commit(begun)
        raise unavailable("ledger_unavailable", "The disk is on fire.")

    commit = Begun.commit
    with monkeypatch.context() as patch:
        patch.setattr(Begun, "commit", fail)
        failed = asyncio.run(all_of(recorder, [decided(1), decided(2)]))
    assert [cast(FinloopError, one).code for one in failed] == ["ledger_unavailable"] * 2
    assert asyncio.run(recorder.record(decided(3))) == [True]
    recorder.close()


def test_it_goes_on_after_a_loop_is_gone(held: Held, decided: Make) -> None:
    recorder = Recorder(held)

    async def leave() -> None:
        asyncio.ensure_future(recorder.record(decided(1)))  # noqa: RUF006 - abandoned
        await asyncio.to_thread(held.taken.wait, 30)
        asyncio.ensure_future(recorder.record(decided(2)))  # noqa: RUF006 - abandoned
        await asyncio.sleep(0)

    asyncio.run(leave())
    held.let_go.set()
    assert asyncio.run(recorder.record(decided(3))) == [True]
    recorder.close()
    assert [one.subject_id for one in held.decisions()] == ["t1", "t2", "t3"]


def test_a_full_disk_is_told_to_everyone_and_it_goes_on_afterwards(
    ledger: Ledger, decided: Make
) -> None:
    (pages,) = ledger.rows("PRAGMA page_count")
    ledger.rows(f"PRAGMA max_page_count = {pages['page_count']}")
    recorder = Recorder(ledger)
    large = [decided(number, features="x" * 9000) for number in range(5)]
    failed = asyncio.run(all_of(recorder, large))
    assert [cast(FinloopError, one).code for one in failed] == ["ledger_unavailable"] * 5
    assert list(ledger.decisions()) == []
    ledger.rows("PRAGMA max_page_count = 100000")
    assert asyncio.run(all_of(recorder, large)) == [[True]] * 5
    recorder.close()


def test_closing_writes_what_still_waits(held: Held, decided: Make) -> None:
    recorder = Recorder(held)

    async def send_and_leave() -> None:
        for number in range(5):
            asyncio.ensure_future(recorder.record(decided(number)))  # noqa: RUF006 - abandoned
        await asyncio.sleep(0)

    asyncio.run(send_and_leave())
    held.let_go.set()
    recorder.close()
    assert len(list(held.decisions())) == 5


def test_nothing_can_be_recorded_after_closing(ledger: Ledger, decided: Make) -> None:
    recorder = Recorder(ledger)
    recorder.close()
    with pytest.raises(FinloopError, match="stopping"):
        asyncio.run(recorder.record(decided(1)))
