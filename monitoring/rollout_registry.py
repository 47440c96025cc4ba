"""Bring the registry up to the ledger: stages and aliases are written here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from components.common.ledger import Ledger
from components.common.records import Event
from components.common.registry import CHALLENGER, CHAMPION, Registry
from components.common.stages import Stage
from monitoring.rollout_state import RolloutState, read_state

CONTROLLER = "rollout"
"""Actor of what nobody in particular decided."""


def follow(model: str, registry: Registry, ledger: Ledger, now: datetime) -> list[Event]:
    """Bring the registry up to the ledger; an alias that was moved by hand is noted first.

    Aliases are written first and stages last, so a stage that is behind its last move says that a
    crash, and nobody's hand, left the aliases where they were before it.
    """
    state = read_state(ledger, model)
    versions = {found.version: found.stage for found in registry.versions(model)}
    found = registry.aliases(model)
    wanted = _wanted(state, versions)
    wrong = [alias for alias in wanted if found.get(alias) != wanted[alias]]
    behind = [
        one
        for one in state.standings.values()
        if versions.get(one.version, one.stage) is not one.stage
    ]
    interrupted = state.previous if state.last in {one.version for one in behind} else None
    left = _wanted(interrupted, versions) if interrupted else {}
    by_hand = [alias for alias in wrong if alias not in left or found.get(alias) != left[alias]]
    events = [_restored(model, alias, found, wanted, now) for alias in by_hand]
    ledger.append(events)
    for alias in wrong:
        _point(registry, model, alias, wanted[alias])
    for one in behind:
        registry.set_stage(model, one.version, one.stage, one.reasons)
    return events


def _wanted(state: RolloutState, versions: Mapping[str, Stage]) -> dict[str, str | None]:
    """Alias → the version it should name; none where the registry lost that version."""
    standings = {CHAMPION: state.champion, CHALLENGER: state.challenger}
    return {
        alias: one.version if one and one.version in versions else None
        for alias, one in standings.items()
    }


def _restored(
    model: str,
    alias: str,
    found: dict[str, str],
    wanted: dict[str, str | None],
    now: datetime,
) -> Event:
    was, should = found.get(alias), wanted[alias]
    return Event(
        kind="alias_restored",
        model=model,
        key=f"{alias}:{was}->{should}@{now.isoformat()}",
        actor=CONTROLLER,
        recorded_at=now,
        version=should,
        body={"alias": alias, "found": was, "restored": should},
    )


def _point(registry: Registry, model: str, alias: str, version: str | None) -> None:
    match alias, version:
        case "champion", None:
            registry.clear_champion(model)
        case "champion", str():
            registry.set_champion(model, version)
        case _, None:
            registry.clear_challenger(model)
        case _, str():
            registry.set_challenger(model, version)
