"""Launch a training because of a verdict: once, whoever asks and however often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from components.common.domain import ModelSpec
from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.records import Event

ACTOR = "monitor"
RESULT = "#result"
"""End of the key of the event that says how a launched training ended."""


class Outcome(Protocol):
    """How a run of a pipeline ended (`pipelines.common.results.RunResult`)."""

    @property
    def ok(self) -> bool: ...
    @property
    def run_id(self) -> str: ...
    @property
    def reasons(self) -> tuple[str, ...]: ...


Run = Callable[[str, Mapping[str, str]], Outcome]
"""Runs a pipeline by name with arguments."""


@dataclass(frozen=True)
class Retraining:
    """How a training that followed from a verdict ended."""

    key: str
    ok: bool
    runs: tuple[str, ...]
    reasons: tuple[str, ...] = ()


def launch_once(
    spec: ModelSpec,
    key: str,
    until: datetime,
    reasons: tuple[str, ...],
    plan: tuple[tuple[str, Mapping[str, str]], ...],
    ledger: Ledger,
    run: Run,
    now: Callable[[], datetime],
) -> Retraining | None:
    """Run the pipelines of `plan` one after another; None where this verdict was acted on before.

    `key` is the verdict's, `until` the end of its window. The ledger has the launch before the
    launch happens, so that a crash or a second monitor can lose a training but never double one.
    """
    body = {
        "until": until.isoformat(),
        "reasons": list(reasons),
        "plan": [name for name, _ in plan],
    }
    launched = Event("retrain", spec.name, key, ACTOR, now(), None, body)
    if ledger.append([launched]) != [True]:
        return None
    result = _run_all(key, plan, run)
    facts = {"ok": result.ok, "runs": list(result.runs), "reasons": list(result.reasons)}
    ledger.append([Event("retrain", spec.name, key + RESULT, ACTOR, now(), None, facts)])
    return result


def last_retrain(ledger: Ledger, model: str) -> datetime | None:
    """End of the window that caused the last training which has not failed."""
    events = {event.key: event for event in ledger.events("retrain", model)}
    causes = [
        datetime.fromisoformat(event.body["until"])
        for key, event in events.items()
        if not key.endswith(RESULT) and _ended_well(events.get(key + RESULT))
    ]
    return max(causes, default=None)


def _ended_well(result: Event | None) -> bool:
    return result is None or result.body["ok"]  # one without a result may still be running


def _run_all(key: str, plan: tuple[tuple[str, Mapping[str, str]], ...], run: Run) -> Retraining:
    runs: list[str] = []
    for pipeline, arguments in plan:
        try:
            result = run(pipeline, arguments)
        except FinloopError as error:
            return Retraining(key, False, tuple(runs), (error.message,))
        runs.append(result.run_id)
        if not result.ok:
            return Retraining(key, False, tuple(runs), result.reasons)
    return Retraining(key, True, tuple(runs))
