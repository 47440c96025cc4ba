"""Where a rollout stands, folded from events."""

from __future__ import annotations

from datetime import timedelta

from components.common.records import Event
from components.common.stages import Stage
from monitoring.rollout_state import RolloutState, fold

from .conftest import MODEL, NOW


def _moves(*moves: tuple[str, str], **body: object) -> RolloutState:
    events = [
        Event(
            "rollout",
            MODEL,
            str(number),
            "rollout",
            NOW + timedelta(minutes=number),
            version,
            {"to": to, "reasons": [f"{version} to {to}"], **body},
        )
        for number, (version, to) in enumerate(moves)
    ]
    return fold(events)


def test_nothing_happened_is_an_empty_state() -> None:
    state = fold([])

    assert (state.champion, state.challenger, state.waiting, state.moves) == (None, None, (), 0)


def test_the_last_move_of_a_version_is_where_it_stands() -> None:
    state = _moves(("1", "champion"), ("2", "waiting"), ("2", "shadow"), ("2", "canary-5"))

    assert state.champion is not None
    assert state.champion.version == "1"
    assert state.challenger is not None
    assert state.challenger.stage is Stage.CANARY_5
    assert state.challenger.before is Stage.SHADOW
    assert state.challenger.since == NOW + timedelta(minutes=3)
    assert state.moves == 4


def test_a_new_champion_retires_the_one_before() -> None:
    state = _moves(("1", "champion"), ("2", "canary-50"), ("2", "champion"))

    assert state.champion is not None
    assert state.champion.version == "2"
    assert state.standings["1"].stage is Stage.RETIRED
    assert state.challenger is None
    assert state.former_champion is state.standings["1"]


def test_a_champion_replaced_by_hand_was_rolled_back() -> None:
    state = _moves(("1", "champion"), ("2", "champion"))
    event = Event(
        "rollout",
        MODEL,
        "9",
        "sora",
        NOW + timedelta(hours=1),
        "1",
        {"to": "champion", "reasons": ["Too many declines."], "replaced_by_hand": True},
    )
    before = [
        Event("rollout", MODEL, v, "rollout", NOW, v, {"to": "champion", "reasons": []})
        for v in ("1", "2")
    ]

    restored = fold([*before, event])

    assert state.standings["1"].stage is Stage.RETIRED
    assert restored.champion is not None
    assert restored.champion.version == "1"
    assert restored.standings["2"].stage is Stage.ROLLED_BACK
    assert restored.standings["2"].reasons == ("Too many declines.",)
    assert restored.former_champion is None


def test_waiting_versions_come_oldest_first_by_number() -> None:
    state = _moves(("10", "waiting"), ("9", "waiting"), ("2", "waiting"))

    assert [one.version for one in state.waiting] == ["2", "9", "10"]


def test_a_refusal_counts_until_a_version_was_admitted() -> None:
    refusal = Event("refusal", MODEL, "3:x", "sync", NOW, "3", {"reasons": ["Altered."]})
    admitted = Event("rollout", MODEL, "1", "rollout", NOW, "3", {"to": "waiting"})

    assert fold([refusal]).standings["3"].stage is Stage.REFUSED
    assert fold([admitted, refusal]).standings["3"].stage is Stage.WAITING


def test_other_events_do_not_count() -> None:
    approval = Event("approval", MODEL, "3", "jun", NOW, "3", {})

    assert fold([approval]) == RolloutState()


def test_the_state_before_the_last_move_is_kept() -> None:
    state = _moves(("1", "champion"), ("2", "canary-50"), ("2", "champion"))

    assert state.last == "2"
    assert state.previous is not None
    assert state.previous.champion is not None
    assert state.previous.champion.version == "1"
    assert state.previous.previous is None
