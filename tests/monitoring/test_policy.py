"""Retrain or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.policy import RetrainRules, WindowVerdict, decide

RULES = RetrainRules(violated=2, windows=3, cool_down=timedelta(days=7), minimum_rows=1_000)
START = datetime(2025, 3, 1, tzinfo=UTC)


def _windows(pattern: str, rows: int = 1_000) -> list[WindowVerdict]:
    """A window per letter: D drifted, o did not."""
    return [
        WindowVerdict(str(day), START + timedelta(days=day), letter == "D", rows)
        for day, letter in enumerate(pattern)
    ]


@pytest.mark.parametrize(
    ("pattern", "retrain"),
    [
        ("D", False),
        ("DD", True),
        ("oDD", True),
        ("DoD", True),
        ("DDo", False),
        ("Doo", False),
        ("ooD", False),
        ("DDooD", False),
        ("ooDDD", True),
        ("ooo", False),
    ],
)
def test_drift_must_last_and_be_there_now(pattern: str, retrain: bool) -> None:
    decision = decide(_windows(pattern), None, RULES)

    assert decision.retrain is retrain
    assert decision.reasons


def test_the_verdict_is_the_newest_window_whatever_the_order() -> None:
    decision = decide(_windows("oDD")[::-1], None, RULES)

    assert decision.retrain
    assert decision.key == "2"


def test_no_window_is_no_reason_to_retrain() -> None:
    decision = decide([], None, RULES)

    assert not decision.retrain
    assert decision.key is None
    assert "No window" in decision.reasons[0]


def test_small_windows_are_not_enough() -> None:
    decision = decide(_windows("DDD", rows=300), None, RULES)

    assert not decision.retrain
    assert decision.reasons == ("The drifted windows hold 900 decisions; 1,000 are needed.",)


@pytest.mark.parametrize(("days", "retrain"), [(6, False), (7, True), (30, True)])
def test_the_cool_down_holds_until_it_has_passed(days: int, retrain: bool) -> None:
    windows = _windows("DDD")

    decision = decide(windows, windows[-1].until - timedelta(days=days), RULES)

    assert decision.retrain is retrain
    assert retrain or "cool-down is 7 days" in decision.reasons[0]


def test_every_condition_that_fails_is_a_reason() -> None:
    decision = decide(_windows("Do", rows=10), START, RULES)

    assert [reason.split()[0] for reason in decision.reasons] == ["1", "The", "The", "The"]


def test_impossible_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and windows"):
        RetrainRules(violated=4, windows=3, cool_down=timedelta(), minimum_rows=0)


@given(st.text("Do", max_size=12), st.integers(0, 2_000))
def test_it_never_retrains_without_k_of_n_and_the_newest(pattern: str, rows: int) -> None:
    decision = decide(_windows(pattern, rows), None, RULES)

    recent = pattern[-RULES.windows :]
    expected = (
        recent.endswith("D")
        and recent.count("D") >= RULES.violated
        and rows * recent.count("D") >= RULES.minimum_rows
    )
    assert decision.retrain is expected
