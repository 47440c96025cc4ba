"""A challenger that may answer nobody before a person says so."""

from __future__ import annotations

from datetime import datetime

from components import find_model
from components.common.domain import ModelSpec
from components.common.errors import bad_input, refused
from components.common.ledger import Ledger
from components.common.records import Event
from components.common.settings import Settings
from components.common.stages import Stage
from monitoring.declaration import monitoring_of
from monitoring.judge import Action, JudgeVerdict
from monitoring.rollout_state import Standing, read_state


def waits_for_person(spec: ModelSpec, settings: Settings) -> bool:
    """Whether a challenger of this model stays in shadow until a person releases it.

    What its domain declares, unless `Settings.released_by_people` names the domains.
    """
    domain, _ = find_model(spec.name)
    if settings.released_by_people is not None:
        return domain.name in settings.released_by_people
    return monitoring_of(domain).released_by_people


def release(spec: ModelSpec, ledger: Ledger, by: str, reason: str, now: datetime) -> Event:
    """Let the version in shadow go on once the judge has nothing against it; said by a person.

    Saying it twice changes nothing. Raises `FinloopError`: `no_name`, `not_in_shadow`.
    """
    if not by.strip():
        raise bad_input("no_name", "A release needs the name of who says so; give --by NAME.")
    standing = read_state(ledger, spec.name).challenger
    if standing is None or standing.stage is not Stage.SHADOW:
        raise refused(
            "not_in_shadow", f"No version of {spec.name} is in shadow, so none can be released."
        )
    event = Event(
        kind="release",
        model=spec.name,
        key=_key(standing),
        actor=by.strip(),
        recorded_at=now,
        version=standing.version,
        body={"reason": reason},
    )
    ledger.append([event])
    return next(one for one in ledger.events("release", spec.name) if one.key == event.key)


def held(
    verdict: JudgeVerdict, spec: ModelSpec, standing: Standing, ledger: Ledger, settings: Settings
) -> JudgeVerdict:
    """The verdict on a version, held where it would leave the shadow and nobody has released it."""
    promoted = verdict.action is Action.PROMOTE
    if not promoted or not waits_in_shadow(spec, standing, ledger, settings):
        return verdict
    reason = (
        "It stays in shadow until a person says otherwise: "
        f"`finloop rollout release {spec.name} --by NAME`."
    )
    return JudgeVerdict(Action.HOLD, (reason, *verdict.reasons), verdict.findings)


def waits_in_shadow(
    spec: ModelSpec, standing: Standing, ledger: Ledger, settings: Settings
) -> bool:
    """Whether a version is in shadow and nobody has released it who has to."""
    if standing.stage is not Stage.SHADOW or not waits_for_person(spec, settings):
        return False
    known = ledger.events("release", spec.name)
    return not any(event.key == _key(standing) for event in known)


def _key(standing: Standing) -> str:
    """Names one stay of a version in shadow: a later stay needs a release of its own."""
    return f"{standing.version}@{standing.since.isoformat()}"
