"""Expressions: rule-engine reads and type-checks them, and what it has read becomes closures.

The library's own evaluation works on decimals (27 µs for the expression that is shipped, the
closures 1 µs) and fails on a null; a rule must do neither while a payment waits. So only the tree
that the library has parsed is used, for the part of its language that has an answer for every
payment. A test holds that both agree wherever nothing is null.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from components.fraud.rules.conditions import (
    EQUAL,
    ORDERED,
    ConditionError,
    Lists,
    Predicate,
    find,
    listed,
    membership,
)
from components.fraud.rules.fields import Kind, Values, fields

if TYPE_CHECKING:
    import rule_engine
    from rule_engine.ast import ExpressionBase

Term = Callable[[Values], Any]
"""The value of a part of an expression; none where it is not known."""
_Typed = tuple[Term, Kind]

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "tdiv": operator.truediv,
}


def compile_expression(text: str, lists: Lists) -> Predicate:
    """The predicate of an expression over the fields and the named lists of a file.

    A comparison with what is not known is false, and so is one with a division by zero;
    `field == null` asks for it. Raises `ConditionError` where the expression cannot be used.
    """
    import rule_engine

    try:
        tree = rule_engine.Rule(text, _context(frozenset(lists))).statement
    except rule_engine.SymbolResolutionError as error:
        find(error.symbol_name)
        raise ConditionError(f"the expression cannot use {error.symbol_name!r}") from error
    except rule_engine.EngineError as error:
        raise ConditionError(f"the expression {text!r} cannot be read ({error.message})") from error
    return _condition(tree.expression, lists)


@cache
def _context(lists: frozenset[str]) -> rule_engine.Context:
    from rule_engine import Context, DataType

    types = {"number": DataType.FLOAT, "text": DataType.STRING, "truth": DataType.BOOLEAN}
    declared = {name: DataType.SET(DataType.STRING) for name in lists}
    declared |= {field.name: types[field.kind] for field in fields().values()}
    return Context(type_resolver=declared, mapping_attribute_lookup=False)


def _condition(node: ExpressionBase, lists: Lists) -> Predicate:
    term, kind = _term(node, lists)
    if kind != "truth":
        raise ConditionError("an expression must be true or false, as a comparison is")
    return lambda values: term(values) is True


def _term(node: Any, lists: Lists) -> _Typed:
    from rule_engine import ast

    match node:
        case ast.LogicExpression():
            return _logic(node.type, *(_condition(one, lists) for one in (node.left, node.right)))
        case ast.UnaryExpression(type="not", right=ast.SymbolExpression()):
            term, kind = _term(node.right, lists)
            if kind != "truth":
                raise ConditionError("only what is true or false can be negated by `not`")
            return lambda values: term(values) is False, "truth"  # not where it is unknown
        case ast.UnaryExpression(type="not"):
            inner = _condition(node.right, lists)
            return lambda values: not inner(values), "truth"
        case ast.UnaryExpression(type="uminus"):
            return _arithmetic("mul", (lambda _: -1.0, "number"), _term(node.right, lists))
        case ast.ContainsExpression():
            return _contains(node, lists), "truth"
        case ast.FuzzyComparisonExpression():
            raise ConditionError("patterns of text are not for rules; compare with `==` or a list")
        case ast.ComparisonExpression():  # ordered ones among them
            return _comparison(node, lists), "truth"
        case ast.AddExpression() | ast.SubtractExpression() | ast.ArithmeticExpression():
            return _arithmetic(node.type, _term(node.left, lists), _term(node.right, lists))
        case ast.SymbolExpression(scope=None):
            return _symbol(node.name)
        case ast.FloatExpression() | ast.StringExpression() | ast.BooleanExpression():
            return _literal(node.value)
        case _:
            name = type(node).__name__.removesuffix("Expression").lower()
            raise ConditionError(f"an expression of a rule cannot use a {name}")


def _logic(kind: str, left: Predicate, right: Predicate) -> _Typed:
    if kind == "and":
        return lambda values: left(values) and right(values), "truth"
    return lambda values: left(values) or right(values), "truth"


def _symbol(name: str) -> _Typed:
    field = find(name)
    if field.personal:
        raise ConditionError(
            f"{name} is a pseudonym; say `field: {name}`, `operator: in` and a list"
        )
    return lambda values: values.get(name), field.kind


def _literal(value: Any) -> _Typed:
    if isinstance(value, bool):
        return lambda _: value, "truth"
    if isinstance(value, str):
        return lambda _: value, "text"
    number = float(value)
    return lambda _: number, "number"


def _comparison(node: Any, lists: Lists) -> Term:
    from rule_engine.ast import NullExpression

    sides = [one for one in (node.left, node.right) if not isinstance(one, NullExpression)]
    if len(sides) == 1:
        term, _ = _term(sides[0], lists)
        wanted = node.type == "eq"
        return lambda values: (term(values) is None) is wanted
    (left, first), (right, second) = (_term(one, lists) for one in sides)
    sign = _SIGNS[node.type]
    if first != second:
        raise ConditionError(f"a {first} is never {sign} a {second}")
    if sign in ORDERED and first != "number":
        raise ConditionError(f"only numbers can be ordered by {sign}")
    return _compared({**ORDERED, **EQUAL}[sign], left, right)


def _compared(holds: Callable[[Any, Any], bool], left: Term, right: Term) -> Term:
    def compared(values: Values) -> bool:
        one, other = left(values), right(values)
        return one is not None and other is not None and holds(one, other)

    return compared


def _arithmetic(sign: str, left: _Typed, right: _Typed) -> _Typed:
    if sign not in _ARITHMETIC:
        raise ConditionError("an expression of a rule counts with + - * / only")
    if (left[1], right[1]) != ("number", "number"):
        raise ConditionError("only numbers can be counted with")
    (one, _), (other, _), count = left, right, _ARITHMETIC[sign]

    def counted(values: Values) -> float | None:
        a, b = one(values), other(values)
        if a is None or b is None:
            return None
        try:
            return count(a, b)
        except ZeroDivisionError:
            return None

    return counted, "number"


def _contains(node: Any, lists: Lists) -> Term:
    from rule_engine.ast import SymbolExpression

    if not isinstance(node.container, SymbolExpression) or node.container.name not in lists:
        raise ConditionError("`in` looks into a list of the file; name it under `lists`")
    if not isinstance(node.member, SymbolExpression):
        raise ConditionError("`in` looks for a field in a list")
    name = node.member.name
    return membership(name, listed(find(name), node.container.name, lists), inside=True)
