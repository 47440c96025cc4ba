"""A candidate in words: alone, and beside the champion."""

from __future__ import annotations

import pytest

from demo.measured import compared, comparison_in_words, in_words, measured

METRICS = {"roc_auc": 0.95, "average_precision": 0.7, "brier": 0.01}


def _difference(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


BODY = {
    "metrics": METRICS,
    "comparison": {
        "champion": "1",
        "differences": {"roc_auc": _difference(0.15), "average_precision": _difference(0.5)},
    },
}


def test_the_champion_is_the_candidate_less_the_difference() -> None:
    found = compared(BODY)
    assert found["champion"] == "1"
    assert found["roc_auc"]["champion"] == pytest.approx(0.80)
    assert found["average_precision"]["champion"] == pytest.approx(0.2)
    assert found["average_precision"]["difference"]["low"] == pytest.approx(0.4)


def test_words_name_both_where_there_is_a_champion() -> None:
    words = comparison_in_words(BODY)
    assert "0.950 (champion 0.800)" in words
    assert "0.700 (champion 0.200)" in words


@pytest.mark.parametrize("comparison", [{}, {"champion": "1", "reason": "Inputs are no more."}])
def test_without_a_comparison_the_candidate_stands_alone(comparison: dict[str, str]) -> None:
    body = {"metrics": METRICS, "comparison": comparison}
    assert comparison_in_words(body) == in_words(measured(body))
    assert compared(body) == comparison
