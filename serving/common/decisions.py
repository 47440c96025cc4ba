"""Decide once per subject: draft, write down, then answer; the same request, the same answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components.common.errors import refused
from components.common.records import Decision, Event, Member
from serving.common.metrics import metrics
from serving.common.runtime import Runtime
from serving.common.shadowing import ToAnswer


@dataclass(frozen=True)
class Draft:
    """A decision that was made and is not yet written down."""

    decision: Decision
    degraded: tuple[str, ...]
    shadows: tuple[ToAnswer, ...] = ()
    members: tuple[Member, ...] = ()
    beside: tuple[Event, ...] = ()
    """What must be in the ledger with the decision, so that it can be given again."""
    event: Any = None
    """What the domain remembers of the decision, where that is known without reading it again."""


async def answer_once(
    runtime: Runtime, domain: str, subject_id: str, request: str, draft: Callable[[], Draft]
) -> bytes:
    """The bytes of the answer to a request, which is durable in the ledger when this returns.

    `request` is the canonical JSON of what was asked. A subject that was decided before gets its
    answer again. Raises `FinloopError("already_decided")` (409) where the request differs, and
    `FinloopError("ledger_unavailable")` (503) where it cannot be written: nothing is decided then.
    """
    stored = runtime.ledger.decision_on(domain, subject_id)
    if stored is None:
        made = draft()
        unwritten = [event for event in made.beside if event.key not in runtime.written]
        new, *_ = await runtime.recorder.record(made.decision, *made.members, *unwritten)
        runtime.written.update(event.key for event in unwritten)
        if new:
            _made_known(runtime, made)
            return made.decision.answer.encode()
        stored = runtime.ledger.decision_on(domain, subject_id)
    if stored is None or stored.request != request:
        raise refused(
            "already_decided",
            "This id was decided with other content; send a new id, or the same request again.",
        )
    return stored.answer.encode()


def _made_known(runtime: Runtime, made: Draft) -> None:
    runtime.decided(made.decision, made.event)
    metrics().decided(made.decision, made.degraded)
    if runtime.shadowing is not None:
        for shadow in made.shadows:
            runtime.shadowing.add(shadow)
