"""What was decided lately is known at once, and forgotten only when the store has it."""

from __future__ import annotations

from collections.abc import Callable

from components.common.ledger import Named
from components.common.records import Decision
from serving.common.recent import Lately, Recent


def recent() -> Recent[str]:
    return Recent(lambda decision: decision.subject_id)


def named(known: Recent[str], user: str = "user") -> list[str]:
    return [one.event for one in known.of(user)]


def test_a_decision_is_known_at_once(decided: Callable[..., Decision]) -> None:
    known = recent()
    known.add(decided(1))
    known.add(decided(2, user_id="other"))
    assert named(known) == ["t1"]
    assert named(known, "other") == ["t2"]
    assert known.of("nobody") == []


def test_the_same_decision_counts_once(decided: Callable[..., Decision]) -> None:
    known = recent()
    known.add(decided(1))
    known.add_written([(7, decided(1))])
    assert named(known) == ["t1"]
    assert len(known) == 1


def test_the_position_is_learnt_from_the_ledger(decided: Callable[..., Decision]) -> None:
    known = recent()
    known.add(decided(1))
    assert [one.position for one in known.of("user")] == [None]
    known.add_written([(7, decided(1))])
    known.add(decided(1))
    assert [one.position for one in known.of("user")] == [7]


def test_the_position_of_what_is_known_is_learnt_by_name(
    decided: Callable[..., Decision],
) -> None:
    known = recent()
    known.add(decided(1), event="told by who decided")
    assert known.learn([Named(7, "fraud", "user", "d1")])
    assert known.of("user") == [Lately("told by who decided", 7)]
    known.forget(7)
    assert len(known) == 0


def test_nothing_is_learnt_where_one_is_not_known(decided: Callable[..., Decision]) -> None:
    known = recent()
    known.add(decided(1))
    for stranger in (Named(8, "fraud", "user", "d2"), Named(8, "fraud", "other", "d1")):
        assert not known.learn([Named(7, "fraud", "user", "d1"), stranger])
    known.forget(9)
    assert [one.position for one in known.of("user")] == [None]


def test_what_the_store_holds_is_forgotten(decided: Callable[..., Decision]) -> None:
    known = recent()
    known.add_written([(number, decided(number)) for number in (1, 2, 3)])
    known.forget(2)
    assert named(known) == ["t3"]
    known.forget(3)
    assert len(known) == 0


def test_what_the_ledger_has_not_shown_yet_is_never_forgotten(
    decided: Callable[..., Decision],
) -> None:
    known = recent()
    known.add(decided(9))
    known.forget(1_000)
    assert named(known) == ["t9"]
