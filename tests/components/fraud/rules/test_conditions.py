"""Conditions: every operator, what is not known, and what may be compared with what."""

from __future__ import annotations

from typing import Any

import pytest

from components.fraud.rules.conditions import ConditionError, predicate
from components.fraud.rules.schema import Rule

PSEUDONYM = "0123456789abcdef" * 2
LISTS = {
    "night": frozenset({"betting", "adult"}),
    "devices": frozenset({PSEUDONYM}),
    "raw": frozenset({"my-phone", PSEUDONYM}),
}
KNOWN = {"amount": 5.0, "category": "betting", "device_id": PSEUDONYM, "card_number_valid": False}


def holds(when: dict[str, Any], values: dict[str, Any]) -> bool:
    rule = Rule.model_validate(
        {
            "id": "some-rule",
            "action": "review",
            "reason": "SOME_REASON",
            "text_en": "a",
            "text_ko": "b",
            "when": when,
        }
    )
    return predicate(rule.when, LISTS)(values)


def compared(field: str, operator: str, **other: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, **other}


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        ("==", False, True, False),
        (">=", False, True, True),
        (">", False, False, True),
        ("!=", True, False, True),
    ],
)
def test_numbers(operator: str, below: bool, equal: bool, above: bool) -> None:
    for amount, expected in ((4.9, below), (5.0, equal), (5.1, above)):
        assert holds(compared("amount", operator, value=5), {"amount": amount}) is expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (compared("category", "==", value="betting"), True),
        (compared("category", "!=", value="betting"), False),
        (compared("category", "in", values=["cafe", "betting"]), True),
        (compared("category", "not in", values=["cafe", "betting"]), False),
        (compared("category", "in", list="night"), True),
        (compared("category", "not in", list="night"), False),
        (compared("device_id", "in", list="devices"), True),
        (compared("card_number_valid", "==", value=False), True),
        (compared("card_number_valid", "!=", value=False), False),
        (compared("amount", "in", values=[4, 5]), True),
        (compared("amount", "is null"), False),
        (compared("amount", "is not null"), True),
    ],
)
def test_words_lists_and_truth(when: dict[str, Any], expected: bool) -> None:
    assert holds(when, KNOWN) is expected


@pytest.mark.parametrize("values", [{}, {"amount": None, "category": None}])
@pytest.mark.parametrize(
    "when",
    [
        *(compared("amount", sign, value=0) for sign in ("==", "!=", "<", "<=", ">", ">=")),
        compared("category", "in", list="night"),
        compared("category", "not in", list="night"),
        compared("category", "!=", value="cafe"),
        compared("amount", "is not null"),
    ],
)
def test_a_comparison_with_what_is_not_known_is_false(
    when: dict[str, Any], values: dict[str, Any]
) -> None:
    assert holds(when, values) is False


def test_what_is_not_known_can_be_asked_for() -> None:
    assert holds(compared("category", "is null"), {})
    assert holds(compared("category", "is null"), {"category": None})


def test_all_and_any_nest() -> None:
    dear, night = compared("amount", ">", value=4), compared("hour", "<", value=6)
    one = {"any": [{"all": [dear, night]}, compared("category", "==", value="betting")]}
    assert holds(one, {"amount": 5.0, "hour": 3.0})
    assert holds(one, {"amount": 1.0, "category": "betting"})
    assert not holds(one, {"amount": 5.0, "hour": 12.0, "category": "cafe"})


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (compared("amout", ">", value=1), "did you mean amount"),
        (compared("transaction_id", "==", value="t1"), "no field 'transaction_id'"),
        (compared("amount", ">", value="dear"), "is a number"),
        (compared("amount", "==", value=True), "is a number"),
        (compared("category", "==", value=1), "is text"),
        (compared("category", "<", value="m"), "cannot be ordered"),
        (compared("amount", "in", values=[1, "a"]), "is a number"),
        (compared("amount", "in", list="night"), "a list holds text"),
        (compared("category", "in", list="day"), "no list 'day'"),
        (compared("category", "in", value="cafe"), "needs one values or one list"),
        (compared("category", "==", list="night"), "needs one value"),
        (compared("amount", ">"), "needs one value"),
        (compared("amount", ">", value=1, values=[1]), "needs one value"),
        (compared("amount", "is null", value=1), "takes no value"),
        (compared("device_id", "==", value=PSEUDONYM), "put it into a list"),
        (compared("user_id", "in", values=[PSEUDONYM]), "put it into a list"),
        (compared("device_id", "in", list="raw"), "1 of the list 'raw' are no pseudonyms"),
    ],
)
def test_what_cannot_be_compared_is_refused(when: dict[str, Any], said: str) -> None:
    with pytest.raises(ConditionError, match=said):
        holds(when, {})


def test_no_raw_id_is_in_the_sentence_about_it() -> None:
    with pytest.raises(ConditionError) as raised:
        holds(compared("device_id", "in", list="raw"), {})
    assert "my-phone" not in str(raised.value)
