"""What every report of an outcome holds, whatever the domain, and how one or many are read."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from components.common.errors import FinloopError
from serving.common.parsing import Moment, parse


class Report(BaseModel):
    """What is reported after a decision, whatever it is."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    outcome_timestamp: Moment = Field(
        description="When it became known, with a time zone", examples=["2026-03-08T09:30:00+09:00"]
    )
    source: str = Field(
        min_length=1, max_length=64, description="Who says so", examples=["chargeback"]
    )


R = TypeVar("R", bound=Report)


class FeedbackReport(Report, ABC):
    """What became of one of several things that a decision showed.

    A domain adds the field `kind`, a literal with one kind of feedback, and the name of the thing.
    """

    decision_id: str = Field(
        min_length=1, max_length=64, description="The decision that showed it, as it was answered"
    )

    @property
    @abstractmethod
    def item_id(self) -> str:
        """What was shown."""


class OutcomeReport(Report, ABC):
    """What turned out to be true of a decided subject.

    A domain adds the field `kind`, a literal with its own name, and fields of its own.
    """

    @property
    @abstractmethod
    def subject_id(self) -> str:
        """What was decided on."""

    @property
    @abstractmethod
    def label(self) -> bool:
        """What turned out to be true."""


class _Kind(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    kind: str | None = None
    outcomes: list[dict[str, Any]] | None = None


class _Batch(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    outcomes: list[dict[str, Any]] = Field(min_length=1)


def read_reports(body: bytes, kinds: Mapping[str, type[R]]) -> list[tuple[str, R]]:
    """(kind, report) of a body with one outcome or `{"outcomes": […]}`; `kinds` is kind → type."""
    asked = parse(_Kind, body)
    if asked.outcomes is None:
        return [_read_one(body, asked.kind, kinds)]
    listed = parse(_Batch, body).outcomes
    return [_read_one(json.dumps(one).encode(), one.get("kind"), kinds) for one in listed]


def _read_one(body: bytes, kind: object, kinds: Mapping[str, type[R]]) -> tuple[str, R]:
    if not isinstance(kind, str) or kind not in kinds:
        known = ", ".join(sorted(kinds))
        raise FinloopError(
            "unknown_kind", f"An outcome needs a kind, one of: {known}.", http_status=422
        )
    return kind, parse(kinds[kind], body)


def schema(kinds: Mapping[str, type[Report]]) -> dict[str, Any]:
    """JSON schema of a body that `read_reports` reads."""
    one = [kind.model_json_schema() for kind in kinds.values()]
    listed = {"type": "array", "minItems": 1, "items": {"oneOf": one}}
    batch = {"type": "object", "required": ["outcomes"], "properties": {"outcomes": listed}}
    return {"oneOf": [*one, batch]}
