"""What a rule file looks like. `finloop rules fields` lists what a condition can name."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{2,63}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{1,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
Scalar = bool | float | str
"""A value to compare with; YAML tells the three apart."""
Operator = Literal[
    "==", "!=", "<", "<=", ">", ">=", "in", "not in", "is null", "is not null"
]  # fmt: skip


class Action(StrEnum):
    """What a rule asks for; `components.fraud.rules.precedence` says which one wins."""

    DECLINE = "decline"
    REVIEW = "review"
    STEP_UP = "step_up"
    APPROVE = "approve"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Comparison(_Part):
    """One field against a value, several values, or a named list of the file.

    A comparison with what is not known is false, whatever the operator; `is null` asks for that.
    """

    field: str
    operator: Operator
    value: Scalar | None = None
    values: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)] | None = None
    list: str | None = None


class Expression(_Part):
    """A condition in the language of rule-engine: comparisons, + - * /, and, or, not."""

    expression: Text


class AllOf(_Part):
    """True where every one of its conditions is."""

    all: Annotated[tuple[Condition, ...], Field(strict=False, min_length=1)]


class AnyOf(_Part):
    """True where one of its conditions is."""

    any: Annotated[tuple[Condition, ...], Field(strict=False, min_length=1)]


def _form(given: Any) -> str:
    for key in ("all", "any", "expression"):
        if (key in given) if isinstance(given, dict) else hasattr(given, key):
            return key
    return "comparison"


Condition = Annotated[
    Annotated[Comparison, Tag("comparison")]
    | Annotated[Expression, Tag("expression")]
    | Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")],
    Discriminator(_form),
]
"""When a rule applies."""


class Rule(_Part):
    """One decision that people have made beforehand."""

    id: Name
    action: Action = Field(strict=False)
    reason: Code
    """Stable name of the reason in an answer."""
    text_en: Text
    text_ko: Text
    when: Condition
    note: Text | None = None
    """For the readers of the file: why the rule is there."""
    enabled: bool = True


class RuleFile(_Part):
    """A rule file whole.

    `lists` are values that conditions name by `list`. A list of users or devices holds pseudonyms,
    never ids: `finloop rules pseudonyms FILE` makes them.
    """

    rules: Annotated[tuple[Rule, ...], Field(strict=False)]
    lists: dict[Name, Annotated[tuple[str, ...], Field(strict=False)]] = Field(default_factory=dict)


AllOf.model_rebuild()
AnyOf.model_rebuild()
Rule.model_rebuild()
RuleFile.model_rebuild()
