"""From a condition to a predicate on the values of a payment, with every name and type checked."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from components.common.errors import bad_input
from components.fraud.rules.fields import Field, Kind, Values, fields
from components.fraud.rules.schema import AllOf, AnyOf, Comparison, Condition, Expression

Lists = Mapping[str, frozenset[str]]
Predicate = Callable[[Values], bool]

ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EQUAL: Mapping[str, Callable[[Any, Any], bool]] = {"==": operator.eq, "!=": operator.ne}
_BY_TYPE: Mapping[type, Kind] = {bool: "truth", float: "number", int: "number", str: "text"}
_SAID: Mapping[Kind, str] = {"number": "a number", "text": "text", "truth": "true or false"}
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")


class ConditionError(ValueError):
    """What is wrong with a condition, as a sentence without its beginning."""


def predicate(condition: Condition, lists: Lists) -> Predicate:
    """The function of a condition; raises `ConditionError` where it names what is not there."""
    match condition:
        case AllOf(all=parts):
            return _every([predicate(part, lists) for part in parts])
        case AnyOf(any=parts):
            return _some([predicate(part, lists) for part in parts])
        case Expression(expression=text):
            from components.fraud.rules.expressions import compile_expression

            return compile_expression(text, lists)
        case Comparison():
            return _comparison(condition, lists)


def find(name: str) -> Field:
    """The field of that name; raises `ConditionError` with the nearest name."""
    known = fields()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}? See" if near else "see"
        raise ConditionError(f"there is no field {name!r}; {hint} `finloop rules fields`")
    return known[name]


def _every(parts: list[Predicate]) -> Predicate:
    def every(values: Values) -> bool:
        for part in parts:  # noqa: SIM110 - a generator would double the time
            if not part(values):
                return False
        return True

    return every


def _some(parts: list[Predicate]) -> Predicate:
    def some(values: Values) -> bool:
        for part in parts:  # noqa: SIM110 - a generator would double the time
            if part(values):
                return True
        return False

    return some


def _comparison(asked: Comparison, lists: Lists) -> Predicate:
    field, sign = find(asked.field), asked.operator
    given = [name for name in ("value", "values", "list") if getattr(asked, name) is not None]
    _check_form(field, sign, given)
    match sign:
        case "is null":
            return lambda values: values.get(field.name) is None
        case "is not null":
            return lambda values: values.get(field.name) is not None
        case "in" | "not in":
            among = _members(field, asked, lists)
            return membership(field.name, among, inside=sign == "in")
        case _:
            assert asked.value is not None  # noqa: S101 - `_check_form` saw it
            _check_type(field, [asked.value])
            return _against(field.name, {**ORDERED, **EQUAL}[sign], asked.value)


def _check_form(field: Field, sign: str, given: list[str]) -> None:
    allowed = {"in": ("values", "list"), "not in": ("values", "list")}.get(sign, ("value",))
    if sign.startswith("is "):
        if given:
            raise ConditionError(f"{sign!r} takes no {given[0]}; leave it out")
        return
    if len(given) != 1 or given[0] not in allowed:
        raise ConditionError(f"{sign!r} needs one {' or one '.join(allowed)} to compare with")
    if sign in ORDERED and field.kind != "number":
        raise ConditionError(
            f"{field.name} is {_SAID[field.kind]} and cannot be ordered by {sign!r}"
        )
    if field.personal and given != ["list"]:
        raise ConditionError(f"{field.name} is a pseudonym; put it into a list and say `in`")


def _check_type(field: Field, given: Iterable[Any]) -> None:
    for value in given:
        if _BY_TYPE[type(value)] != field.kind:
            raise ConditionError(
                f"{field.name} is compared with {value!r}, but is {_SAID[field.kind]}"
            )


def _members(field: Field, asked: Comparison, lists: Lists) -> frozenset[Any]:
    if asked.values is not None:
        _check_type(field, asked.values)
        return frozenset(asked.values)
    name = asked.list or ""
    return listed(field, name, lists)


def listed(field: Field, name: str, lists: Lists) -> frozenset[str]:
    """The named list that a field is looked for in; raises `ConditionError` where it cannot be."""
    if name not in lists:
        raise ConditionError(f"there is no list {name!r} in the file; add it under `lists`")
    if field.kind != "text":
        raise ConditionError(f"{field.name} is {_SAID[field.kind]}, and a list holds text")
    raw = sum(_PSEUDONYM.fullmatch(value) is None for value in lists[name])
    if field.personal and raw:
        raise ConditionError(
            f"{raw} of the list {name!r} are no pseudonyms, and a file holds no id of a person or "
            "a device; make them with `finloop rules pseudonyms`"
        )
    return lists[name]


def _against(name: str, holds: Callable[[Any, Any], bool], other: Any) -> Predicate:
    def compared(values: Values) -> bool:
        value = values.get(name)
        return value is not None and holds(value, other)

    return compared


def membership(name: str, among: frozenset[Any], *, inside: bool) -> Predicate:
    """Whether a known value is (not) among others."""

    def member(values: Values) -> bool:
        value = values.get(name)
        return value is not None and (value in among) is inside

    return member


def invalid(where: str, what: str) -> Exception:
    """The error of a rule file."""
    return bad_input("rules_invalid", f"{where}: {what}.")
