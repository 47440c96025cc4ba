"""What a table must look like, as data: which expectation, with which bounds, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Expectation:
    """One Great Expectations expectation."""

    type: str
    """Its name there: `expect_column_values_to_not_be_null`."""
    kwargs: Mapping[str, Any]
    holds: str
    """What holds where it is met, as a clause: `every payment has a user`."""


@dataclass(frozen=True)
class Suite:
    """The expectations of one frame, which is made from contract tables of the lake."""

    name: str
    """Name of the table that the suite is about."""
    tables: tuple[str, ...]
    """Contract tables that the frame is made from; the suite waits until all have rows."""
    sql: str
    """DuckDB query over views of these names, and over `sampled`: the first table, or a fixed share
    of it where it is large."""
    sample_by: str
    """Column of the first table by whose hash the sample is drawn: its rows stay together."""
    expectations: tuple[Expectation, ...]
    required: bool = False
    """Whether a lake without the tables fails."""
