"""Where a model's rollout stands, folded from the ledger: the truth that the registry follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from components.common.ledger import Ledger
from components.common.records import Event
from components.common.stages import Stage


@dataclass(frozen=True)
class Standing:
    """Where one version stands, since when, why, and where it stood before."""

    version: str
    stage: Stage
    since: datetime
    reasons: tuple[str, ...]
    before: Stage | None


@dataclass(frozen=True)
class RolloutState:
    """Every version that the controller has admitted or refused, and how many moves were made."""

    standings: dict[str, Standing] = field(default_factory=dict)
    moves: int = 0
    last: str | None = None
    """Version that made the last move."""
    previous: RolloutState | None = None
    """The state before that move (without its own)."""

    @property
    def champion(self) -> Standing | None:
        """The version that answers by default."""
        return next((one for one in self._all if one.stage is Stage.CHAMPION), None)

    @property
    def challenger(self) -> Standing | None:
        """The version in flight."""
        return next((one for one in self._all if one.stage.challenging), None)

    @property
    def waiting(self) -> tuple[Standing, ...]:
        """Admitted versions that have not begun, oldest first."""
        return tuple(one for one in self._all if one.stage is Stage.WAITING)

    @property
    def former_champion(self) -> Standing | None:
        """The champion before this one, unless it was rolled back."""
        retired = (one for one in self._all if one.stage is Stage.RETIRED)
        return max(retired, key=lambda one: one.since, default=None)

    @property
    def _all(self) -> list[Standing]:
        return sorted(self.standings.values(), key=lambda one: int(one.version))


def read_state(ledger: Ledger, model: str) -> RolloutState:
    """Where a model's rollout stands by the ledger; needs no registry."""
    return fold(ledger.events(model=model))


def fold(events: Sequence[Event]) -> RolloutState:
    """The state after these events, in the order of writing; only moves and refusals count.

    A new champion retires the one before in the same event, so that no crash leaves two or none.
    """
    state = RolloutState()
    for event in events:
        if event.version is None:
            continue
        if event.kind == "refusal" and event.version not in state.standings:
            state = _entered(state, event, Stage.REFUSED)
        if event.kind == "rollout":
            state = _moved(state, event)
    return state


def _moved(state: RolloutState, event: Event) -> RolloutState:
    stage, before = Stage(event.body["to"]), state.champion
    previous = replace(state, previous=None)
    if stage is Stage.CHAMPION and before is not None:
        by_hand = event.body.get("replaced_by_hand", False)
        retired = replace(
            before,
            stage=Stage.ROLLED_BACK if by_hand else Stage.RETIRED,
            since=event.recorded_at,
            reasons=tuple(event.body["reasons"])
            if by_hand
            else (f"Version {event.version} took its place.",),
            before=before.stage,
        )
        state = replace(state, standings={**state.standings, before.version: retired})
    return replace(
        _entered(state, event, stage),
        moves=state.moves + 1,
        last=event.version,
        previous=previous,
    )


def _entered(state: RolloutState, event: Event, stage: Stage) -> RolloutState:
    version = str(event.version)
    known = state.standings.get(version)
    standing = Standing(
        version=version,
        stage=stage,
        since=event.recorded_at,
        reasons=tuple(event.body.get("reasons", ())),
        before=known.stage if known else None,
    )
    return replace(state, standings={**state.standings, version: standing})
