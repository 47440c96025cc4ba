"""What a decision was made from is read back as it was, whatever the numbers."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.common.records import Decision
from serving.common.facts import AnsweredBy, Facts, KnownHistory

NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
NAMED = st.dictionaries(st.text(max_size=5), NUMBERS, max_size=8)
BY = AnsweredBy("fraud-xgboost", "3", "ab", "champion")


@given(NAMED, NAMED, st.dictionaries(st.text(max_size=5), st.lists(NUMBERS, max_size=4)), NUMBERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_facts_are_read_back_equal(
    decided: Callable[..., Decision],
    inputs: dict[str, float | None],
    ages: dict[str, float | None],
    past: dict[str, list[float | None]],
    age: float | None,
) -> None:
    facts = Facts(inputs, ages, ("a",), BY, "rules", KnownHistory(7, age), (BY,), past)
    text = facts.text()
    assert Facts.of(decided(1, features=text)) == facts
    assert list(json.loads(text)["inputs"]) == sorted(inputs), "the same facts, the same text"
