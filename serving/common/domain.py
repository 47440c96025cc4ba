"""What a domain brings to the service: each `serving/<domain>/service.py` has a `SERVICE`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import components
from components.common.records import Decision, FeedbackKind
from serving.common.models import Model
from serving.common.outcome_report import FeedbackReport, OutcomeReport
from serving.common.review_queue import Reviewed

if TYPE_CHECKING:
    from fastapi import APIRouter

    from serving.common.library import Library
    from serving.common.runtime import Runtime


@dataclass(frozen=True)
class Carried:
    """How decisions become rows of an online view that the next decision reads."""

    view: str
    """Online feature view; the follower of the ledger is its only writer."""
    entity: str
    """Its entity column."""
    event_of: Callable[[Decision], Any]
    """What is remembered of a decision."""
    merge: Callable[[Mapping[str, Any], Iterable[tuple[int, Any]]], dict[str, Any]]
    """(columns of the row as stored, events) → columns with the events among them.

    Each event comes with its position in the ledger.

    Events that are there already change nothing, so that carrying them twice does no harm.
    """


@dataclass(frozen=True)
class Shown:
    """How feedback on the things that decisions show comes back."""

    kinds: Mapping[FeedbackKind, type[FeedbackReport]]
    """Kind of feedback → the body of `POST /v1/outcomes` that reports it."""
    items: Callable[[Decision], Collection[str]]
    """What a decision showed."""


@dataclass(frozen=True)
class DomainService:
    """The endpoints of one domain and the pure functions behind them."""

    name: str
    router: Callable[[Runtime], APIRouter]
    outcome: type[OutcomeReport] | None
    """The body of `POST /v1/outcomes` for this domain; None where no single thing turns out."""
    answer_again: Callable[[Decision, Model | None, Library], bytes]
    """The answer to a recorded decision, by the model that is given and the rules of that time."""
    shown: Shown | None = None
    """What can be said of things that were shown; nothing where decisions show none."""
    carried: Carried | None = None
    reviewed: Reviewed | None = None
    """Which decisions wait for a person; none do where it is not given."""
    prepare: Callable[[Path], None] | None = None
    """Make ready what a decision needs of an artifact folder beside its scorer.

    Raises `FinloopError` where the domain cannot serve it.
    """
    amount_of: Callable[[Decision], float] | None = None
    """The money that a decision was about, in currency units; None where it is about none."""
    passes: frozenset[str] = frozenset({"APPROVE"})
    """Decisions that let their subject through; every other one stops it."""


def services() -> tuple[DomainService, ...]:
    """The service of every domain that has one."""
    return tuple(
        import_module(f"serving.{domain.name}.service").SERVICE
        for domain in components.domains()
        if "serving" in domain.layers
    )


@cache
def service_of(name: str) -> DomainService:
    """The service of that domain."""
    return next(service for service in services() if service.name == name)
