"""Move a model one step: the only writer of rollout stages and aliases.

The ledger is the truth. A move is first written there and then carried out in the registry; every
step begins by bringing the registry up to the ledger, so a crash between the two repairs itself.
Moves are numbered, so that of two controllers, or a controller and a human, one makes the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from components import find_model
from components.common.approval import admissible, record_promotions
from components.common.domain import ModelSpec
from components.common.errors import FinloopError, refused
from components.common.ledger import Ledger
from components.common.records import Event
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.stages import Stage
from monitoring.declaration import monitoring_of
from monitoring.judge import Action, JudgeVerdict, Observations, judge
from monitoring.observations import answered_by, observe
from monitoring.release import held
from monitoring.rollout_registry import CONTROLLER, follow
from monitoring.rollout_state import RolloutState, Standing, read_state


@dataclass(frozen=True)
class Rollout:
    """One model's rollout: what it reads and writes."""

    spec: ModelSpec
    registry: Registry
    ledger: Ledger

    @property
    def model(self) -> str:
        return self.spec.name

    def state(self) -> RolloutState:
        """Where the rollout stands by the ledger."""
        return read_state(self.ledger, self.model)

    def follow(self, now: datetime) -> list[Event]:
        """Bring the registry up to the ledger; gives the aliases that were moved by hand."""
        return follow(self.model, self.registry, self.ledger, now)


def step(spec: ModelSpec, registry: Registry, ledger: Ledger, now: datetime) -> list[Event]:
    """Note promotions, admit or refuse new versions, and make at most one move.

    Gives what was written to the ledger, in order; repeating it after a crash is safe. Raises
    `FinloopError` where MLflow or the ledger does not answer.
    """
    rollout = Rollout(spec, registry, ledger)
    promotions = record_promotions(registry, ledger, spec)
    restored = rollout.follow(now)
    admitted = _admit(rollout, now)
    moved = _move(rollout, now)
    if admitted or moved:
        rollout.follow(now)
    return [*promotions, *restored, *admitted, *moved]


def step_all(
    specs: Iterable[ModelSpec], registry: Registry, ledger: Ledger, now: datetime
) -> list[Event]:
    """`step` each model; one that cannot be moved does not hold up the others.

    Raises the first `FinloopError` once all were looked at and none of them moved.
    """
    events: list[Event] = []
    failed: FinloopError | None = None
    for spec in specs:
        try:
            events += step(spec, registry, ledger, now)
        except FinloopError as error:
            failed = failed or error
    if failed is not None and not events:
        raise failed
    return events


def abort(
    spec: ModelSpec, registry: Registry, ledger: Ledger, by: str, reason: str, now: datetime
) -> Event:
    """Roll the version in flight back because a named human says so.

    Raises `FinloopError("nothing_in_flight")` where there is none.
    """
    rollout = Rollout(spec, registry, ledger)
    while True:
        state = rollout.state()
        if state.challenger is None:
            raise refused(
                "nothing_in_flight",
                f"No version of {spec.name} is in flight, so there is nothing to abort.",
            )
        reasons = _said(f"Aborted by {by}", reason)
        event = _roll_back(rollout, state, state.challenger, reasons, now, actor=by)
        if event is not None:  # otherwise the controller moved meanwhile: look again
            rollout.follow(now)
            return event


def restore(
    spec: ModelSpec, registry: Registry, ledger: Ledger, by: str, reason: str, now: datetime
) -> Event:
    """Bring the former champion back and roll the present one back, because a named human says so.

    Raises `FinloopError`: `rollout_in_flight` (abort it first), `no_former_champion`,
    `files_changed`.
    """
    rollout = Rollout(spec, registry, ledger)
    while True:
        state = rollout.state()
        former, champion = state.former_champion, state.champion
        if state.challenger is not None:
            raise refused(
                "rollout_in_flight",
                f"Version {state.challenger.version} of {spec.name} is in flight; abort it first.",
            )
        if former is None or champion is None:
            raise refused("no_former_champion", f"{spec.name} has no champion to go back to.")
        if altered := _altered(rollout, former.version):
            raise refused(
                "files_changed",
                f"Version {former.version} of {spec.name} cannot come back: {altered[0]}",
            )
        answered, _ = answered_by(ledger, spec.name, champion.version)
        body = {"replaced": champion.version, "replaced_by_hand": True, "answered": answered}
        reasons = _said(f"Brought back by {by} in place of version {champion.version}", reason)
        event = _record(
            rollout, state, former.version, Stage.CHAMPION, reasons, now, actor=by, body=body
        )
        if event is not None:
            rollout.follow(now)
            return event


def opinion(
    spec: ModelSpec, ledger: Ledger, settings: Settings
) -> tuple[Observations, JudgeVerdict] | None:
    """What the judge would say now of the version in flight; None where there is none.

    A version that waits for a person is held, whatever speaks for it.
    """
    state = read_state(ledger, spec.name)
    if state.champion is None or state.challenger is None:
        return None
    monitoring = monitoring_of(find_model(spec.name)[0])
    observations = observe(
        ledger,
        spec.name,
        state.challenger.version,
        state.champion.version,
        state.challenger.stage,
        state.challenger.since,
        monitoring.judge,
        monitoring.performance.declined,
    )
    verdict = judge(observations, monitoring.judge)
    return observations, held(verdict, spec, state.challenger, ledger, settings)


def _said(what: str, reason: str) -> tuple[str]:
    return (f"{what}: {reason}" if reason else f"{what}.",)


def _admit(rollout: Rollout, now: datetime) -> list[Event]:
    """Take in, or refuse, every version of the production model that is not known yet."""
    written: list[Event] = []
    for found in rollout.registry.versions(rollout.model):
        state = rollout.state()
        if found.version in state.standings:
            continue
        verdict = admissible(rollout.spec, found.version, rollout.registry, rollout.ledger)
        if verdict.ok:
            reasons = ("Its files are the ones that were evaluated and approved.",)
            event = _record(rollout, state, found.version, Stage.WAITING, reasons, now)
        else:
            event = _refuse(rollout, found.version, found.digest, verdict.reasons, now)
        written.extend([event] if event else [])
    return written


def _move(rollout: Rollout, now: datetime) -> list[Event]:
    state = rollout.state()
    if state.challenger is not None:
        event = _judged(rollout, state, state.challenger, now)
    elif state.waiting:
        event = _begun(rollout, state, state.waiting[0], now)
    else:
        event = None
    return [event] if event else []


def _begun(rollout: Rollout, state: RolloutState, first: Standing, now: datetime) -> Event | None:
    altered = _altered(rollout, first.version)
    if altered:
        return _record(rollout, state, first.version, Stage.REFUSED, altered, now)
    if state.champion is None:
        reasons = ("There is no champion yet, and its files are the ones that were approved.",)
        return _record(rollout, state, first.version, Stage.CHAMPION, reasons, now)
    reasons = (f"It is compared with the champion, version {state.champion.version}.",)
    return _record(rollout, state, first.version, Stage.SHADOW, reasons, now)


def _judged(
    rollout: Rollout, state: RolloutState, challenger: Standing, now: datetime
) -> Event | None:
    judged = opinion(rollout.spec, rollout.ledger, rollout.registry.settings)
    if judged is None or judged[1].action is Action.HOLD:
        return None
    observations, verdict = judged
    seen = {"observations": asdict(observations)}
    if verdict.action is Action.ROLL_BACK:
        return _roll_back(rollout, state, challenger, verdict.reasons, now, body=seen)
    altered = _altered(rollout, challenger.version)
    if altered:
        return _roll_back(rollout, state, challenger, altered, now, body=seen)
    following = challenger.stage.next
    assert following is not None, challenger  # noqa: S101 - a version in flight has a next stage
    return _record(rollout, state, challenger.version, following, verdict.reasons, now, body=seen)


def _altered(rollout: Rollout, version: str) -> tuple[str, ...]:
    """Why a version may not go further; empty where it is still what was approved."""
    verdict = admissible(rollout.spec, version, rollout.registry, rollout.ledger)
    return () if verdict.ok else verdict.reasons


def _roll_back(
    rollout: Rollout,
    state: RolloutState,
    challenger: Standing,
    reasons: Sequence[str],
    now: datetime,
    *,
    actor: str = CONTROLLER,
    body: dict[str, Any] | None = None,
) -> Event | None:
    answered, shadowed = answered_by(rollout.ledger, rollout.model, challenger.version)
    counts = {"answered": answered, "shadowed": shadowed}
    return _record(
        rollout,
        state,
        challenger.version,
        Stage.ROLLED_BACK,
        reasons,
        now,
        actor=actor,
        body={**(body or {}), **counts},
    )


def _record(
    rollout: Rollout,
    state: RolloutState,
    version: str,
    to: Stage,
    reasons: Sequence[str],
    now: datetime,
    *,
    actor: str = CONTROLLER,
    body: dict[str, Any] | None = None,
) -> Event | None:
    """Write the next move; None where somebody else has made it meanwhile."""
    known = state.standings.get(version)
    facts = {"from": known.stage if known else None, "to": to, "reasons": list(reasons)}
    event = Event(
        kind="rollout",
        model=rollout.model,
        key=f"{state.moves + 1:06d}",
        actor=actor,
        recorded_at=now,
        version=version,
        body={**facts, **(body or {})},
    )
    return event if rollout.ledger.append([event]) == [True] else None


def _refuse(
    rollout: Rollout, version: str, digest: str | None, reasons: Sequence[str], now: datetime
) -> Event | None:
    event = Event(
        kind="refusal",
        model=rollout.model,
        key=f"{version}:{digest or 'unsealed'}",
        actor=CONTROLLER,
        recorded_at=now,
        version=version,
        body={"reasons": list(reasons)},
    )
    return event if rollout.ledger.append([event]) == [True] else None
