"""Windows of event time and the decisions in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from components.common.ledger import Ledger
from components.common.records import Decision, Member
from monitoring.windows import Window, decisions_in, first_event, windows_between

MODEL = "fraud-xgboost"
START = datetime(2025, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def ledger(either_ledger: Ledger) -> Ledger:
    """What these queries say, they say in both databases."""
    return either_ledger


def test_windows_are_whole_local_days() -> None:
    windows = windows_between(START, START + 3 * DAY, 1, "Asia/Seoul")

    assert windows[0].since == datetime(2025, 2, 28, 15, tzinfo=UTC)
    assert [window.length for window in windows] == [DAY] * 3
    assert windows[-1].until == datetime(2025, 3, 3, 15, tzinfo=UTC)


def test_a_day_that_has_not_ended_is_no_window() -> None:
    assert windows_between(START, START + DAY - timedelta(microseconds=1), 1, "UTC") == ()
    assert len(windows_between(START, START + DAY, 1, "UTC")) == 1


def test_days_on_which_clocks_change_are_whole_days() -> None:
    first = datetime(2025, 3, 29, 12, tzinfo=UTC)

    windows = windows_between(first, first + 4 * DAY, 1, "Europe/Berlin")

    assert [window.length / timedelta(hours=1) for window in windows[:3]] == [24, 23, 24]


def test_longer_windows_follow_one_another() -> None:
    windows = windows_between(START, START + 15 * DAY, 7, "UTC")

    assert [window.since for window in windows] == [START, START + 7 * DAY]


def test_the_key_names_span_and_champion() -> None:
    window = Window(START, START + DAY)

    assert window.key("3") == "2025-03-01T00:00Z/2025-03-02T00:00Z/v3"
    assert window.key("3") != window.key("4")


def test_decisions_in_a_window_by_event_time(
    ledger: Ledger, decided: Callable[..., Decision]
) -> None:
    moments = [START - timedelta(microseconds=1), START, START + DAY / 2, START + DAY]
    ledger.append([decided(n, event_timestamp=moment) for n, moment in enumerate(moments)])

    frame = decisions_in(ledger, "fraud", MODEL, "1", Window(START, START + DAY), ["amount"], START)

    assert len(frame) == 2


def test_inputs_of_every_arm_count_but_only_the_champions_scores(
    ledger: Ledger, decided: Callable[..., Decision]
) -> None:
    features = {"amount": 7, "speed_kmh": None, "other": 1.0}
    ledger.append(
        [
            decided(0, event_timestamp=START, features=features),
            decided(1, event_timestamp=START, version="2", arm="challenger", score=0.9),
            decided(2, event_timestamp=START, error="the champion failed", score=0.5),
        ]
    )

    frame = decisions_in(
        ledger, "fraud", MODEL, "1", Window(START, START + DAY), ["amount", "speed_kmh"], START
    )

    assert list(frame.columns) == ["amount", "speed_kmh", "score"]
    assert frame["amount"].tolist() == [7.0, 100.0, 100.0]
    assert frame["speed_kmh"].isna().all()
    assert frame["score"].tolist()[0] == 0.01
    assert frame["score"].isna().tolist() == [False, True, True]


def test_inputs_that_are_other_models_are_what_these_said(
    ledger: Ledger, decided: Callable[..., Decision]
) -> None:
    def said(number: int, model: str, score: float | None) -> Member:
        digest = "0" * 64
        return Member(
            f"d{number}", model, "1", digest, "champion", score, "APPROVE", 1.0, None, START
        )

    ledger.append(
        [
            *(decided(n, event_timestamp=START + n * DAY) for n in range(2)),
            *(said(n, MODEL, 0.5) for n in range(2)),
            *(said(n, "trees", 0.25 + n) for n in range(2)),
            said(0, "network", None),
        ]
    )

    frame = decisions_in(
        ledger, "fraud", MODEL, "1", Window(START, START + DAY), ["trees", "network"], START
    )

    assert frame["trees"].tolist() == [0.25]
    assert frame["network"].isna().tolist() == [True]
    assert frame["score"].tolist() == [0.5]


def test_what_was_decided_before_the_champions_reign_is_not_its(
    ledger: Ledger, decided: Callable[..., Decision]
) -> None:
    ledger.append(
        [
            decided(0, event_timestamp=START, recorded_at=START),
            decided(1, event_timestamp=START + DAY, recorded_at=START + DAY),
        ]
    )

    assert first_event(ledger, "fraud", MODEL, START) == START
    assert first_event(ledger, "fraud", MODEL, START + DAY) == START + DAY
    assert first_event(ledger, "fraud", MODEL, START + 2 * DAY) is None


def test_an_empty_window_has_every_column(ledger: Ledger) -> None:
    frame = decisions_in(ledger, "fraud", MODEL, "1", Window(START, START + DAY), ["amount"], START)

    assert list(frame.columns) == ["amount", "score"]
    assert frame.empty
