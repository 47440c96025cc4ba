"""Expressions: as the library understands them, with an answer for every payment."""

from __future__ import annotations

import decimal
from typing import Any

import pytest
import rule_engine
from hypothesis import given, settings
from hypothesis import strategies as st

from components.fraud.rules.conditions import ConditionError
from components.fraud.rules.expressions import compile_expression

LISTS = {"night": frozenset({"betting"}), "phones": frozenset({"0" * 32})}
NUMBERS = ("amount", "hour", "count_last_1h", "amount_max_last_14d")
WHOLE = st.integers(-1000, 1000)


def _numbers() -> st.SearchStrategy[str]:
    leaves = st.sampled_from(NUMBERS) | WHOLE.map(lambda number: f"({number})")
    return st.recursive(
        leaves,
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner)
            | inner.map("(-{})".format)
        ),
        max_leaves=4,
    )


def _conditions() -> st.SearchStrategy[str]:
    sign = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    compared = st.builds("({} {} {})".format, _numbers(), sign, _numbers())
    words = st.sampled_from(["category == 'cafe'", "channel != 'card'", "card_number_valid"])
    return st.recursive(
        compared | words,
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
            | inner.map("(not {})".format)
        ),
        max_leaves=5,
    )


@settings(max_examples=300, deadline=None)
@given(
    text=_conditions(),
    numbers=st.tuples(*[WHOLE] * len(NUMBERS)),
    category=st.sampled_from(["cafe", "betting"]),
    channel=st.sampled_from(["card", "online"]),
    valid=st.booleans(),
)
def test_both_engines_agree_where_everything_is_known(
    text: str, numbers: tuple[int, ...], category: str, channel: str, valid: bool
) -> None:
    values: dict[str, Any] = dict(zip(NUMBERS, map(float, numbers), strict=True))
    values |= {"category": category, "channel": channel, "card_number_valid": valid}
    exact = rule_engine.Context(decimal_context=decimal.Context(prec=60))
    assert compile_expression(text, LISTS)(values) is rule_engine.Rule(text, exact).matches(values)


@settings(max_examples=200, deadline=None)
@given(text=_conditions(), known=st.sets(st.sampled_from((*NUMBERS, "category", "channel"))))
def test_there_is_an_answer_for_every_payment(text: str, known: set[str]) -> None:
    values = {name: 1.0 if name in NUMBERS else "cafe" for name in known}
    assert compile_expression(text, LISTS)(values) in (True, False)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("amount > 3 * amount_max_last_14d", {"amount": 10.0, "amount_max_last_14d": 3.0}, True),
        ("amount > 3 * amount_max_last_14d", {"amount": 10.0}, False),
        ("amount > 3 or hour < 6", {"amount": 10.0}, True),
        ("amount > 3 and hour < 6", {"amount": 10.0}, False),
        ("amount != 3", {}, False),
        ("not (amount > 3)", {}, True),
        ("card_number_valid", {}, False),
        ("not card_number_valid", {}, False),
        ("not card_number_valid", {"card_number_valid": False}, True),
        ("amount / hour > 1", {"amount": 10.0, "hour": 0.0}, False),
        ("amount / hour > 1", {"amount": 10.0, "hour": 2.0}, True),
        ("category == null", {}, True),
        ("category != null", {}, False),
        ("null != category", {"category": "cafe"}, True),
        ("category in night", {"category": "betting"}, True),
        ("category in night", {"category": "cafe"}, False),
        ("category in night", {}, False),
    ],
)
def test_what_is_not_known_is_never_an_error(
    text: str, values: dict[str, Any], expected: bool
) -> None:
    assert compile_expression(text, LISTS)(values) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("amout > 1", "did you mean amount"),
        ("amount > 'dear'", "cannot be read"),
        ("amount >", "cannot be read"),
        ("amount", "must be true or false"),
        ("category", "must be true or false"),
        ("amount and card_number_valid", "must be true or false"),
        ("not amount", "true or false"),
        ("category == amount", "never =="),
        ("category > 'm'", "only numbers"),
        ("category + channel == 'x'", "only numbers"),
        ("amount ** 9 > 1", r"\+ - \* /"),
        ("category =~ '.*'", "patterns"),
        ("amount.ceiling > 1", "cannot use"),
        ("[one for one in night]", "cannot use"),
        ("amount > 1 ? true : false", "cannot use"),
        ("$abs(amount) > 1", "cannot use"),
        ("category in ['cafe']", "list of the file"),
        ("category in days", "no field 'days'"),
        ("amount in night", "a list holds text|cannot be read"),
        ("night == night", "no field 'night'"),
        ("user_id == 'kim'", "pseudonym"),
        ("user_id in night", "no pseudonyms"),
    ],
)
def test_what_has_no_answer_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConditionError, match=said):
        compile_expression(text, LISTS)


def test_a_list_of_pseudonyms_can_be_looked_into() -> None:
    assert compile_expression("device_id in phones", LISTS)({"device_id": "0" * 32})
