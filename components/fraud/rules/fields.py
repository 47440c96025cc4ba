"""What a rule may look at: the payment, every feature, and what the model says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from components.common.contracts import TRANSACTIONS
from components.fraud.features import FEATURES

Kind = Literal["number", "text", "truth"]
Values = Mapping[str, Any]
"""Field → value of one payment; none, or no entry at all, where it is not known."""


@dataclass(frozen=True)
class Field:
    """One thing that a condition can compare."""

    name: str
    kind: Kind
    unit: str
    description: str
    personal: bool = False
    """Whether its values are pseudonyms: a rule may only look for them in a list."""


_KINDS: Mapping[str, Kind] = {"float64": "number", "string": "text"}
_NOT_COMPARED = ("transaction_id", "event_timestamp")
"""The name of a payment says nothing, and its moment is there as hour and day."""


@cache
def fields() -> Mapping[str, Field]:
    """Every field by name: of the request, the features, then the judgement of the model."""
    request = [
        Field(column.name, _KINDS[column.type], column.unit, column.description, column.personal)
        for column in TRANSACTIONS.columns
        if column.name not in _NOT_COMPARED
    ]
    features = [Field(one.name, "number", one.unit, one.description) for one in FEATURES]
    return {field.name: field for field in (*features, *request, *_JUDGED)}


_JUDGED = (
    Field(
        "card_number_valid",
        "truth",
        "",
        "Whether the card number that was given passes its checksum; null where none was given",
    ),
    Field("probability", "number", "", "Calibrated probability of fraud; null without a model"),
    Field("risk_level", "text", "", "LOW, MEDIUM or HIGH by the thresholds of the model"),
)


def values_of(
    request: Mapping[str, Any],
    inputs: Mapping[str, float | None],
    probability: float | None,
    risk_level: str,
) -> Values:
    """What a rule sees of a payment: its request in pseudonyms, its features, the judgement."""
    return {**inputs, **request, "probability": probability, "risk_level": risk_level}
