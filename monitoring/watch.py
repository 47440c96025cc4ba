"""Watch a model: judge the windows not yet judged, then decide on retraining, then act."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from components.common.domain import Domain, ModelSpec
from components.common.ledger import Ledger
from components.common.records import Event
from components.common.settings import Settings
from monitoring.declaration import Monitoring, monitoring_of
from monitoring.drift import DriftRules, DriftVerdict, judged_columns, measure, verdict_of
from monitoring.performance import Measured
from monitoring.policy import RetrainDecision, WindowVerdict, decide
from monitoring.reference import reference_of
from monitoring.reports import keep
from monitoring.retrain import Retraining, Run, last_retrain, launch_once
from monitoring.rollout_state import read_state
from monitoring.windows import SCORE, Window, decisions_in, first_event, windows_between

if TYPE_CHECKING:
    import pandas as pd

ACTOR = "monitor"
Notice = Callable[[str], None]


@dataclass(frozen=True)
class Watched:
    """What watching one model found, and what followed."""

    model: str
    champion: str | None
    windows: tuple[dict[str, Any], ...]
    """Every judged window of this champion, oldest first: bodies of `drift` events."""
    notes: tuple[str, ...]
    """Why a window was not judged, or nothing could be."""
    decision: RetrainDecision
    performance: tuple[Measured, ...]
    retraining: Retraining | None = None


@dataclass(frozen=True)
class Watch:
    """One model, its champion, and what is read and written to watch it."""

    domain: Domain
    spec: ModelSpec
    champion: str
    since: datetime
    """When the champion's reign began (wall clock); older decisions are not its."""
    rules: Monitoring
    settings: Settings
    ledger: Ledger


def watch(
    domain: Domain,
    spec: ModelSpec,
    settings: Settings,
    ledger: Ledger,
    until: datetime,
    run: Run | None,
    notice: Notice = lambda text: None,
) -> Watched:
    """Judge drift and performance of a model up to `until` (event time) and act on the policy.

    `run` launches pipelines; without it the decision is only told. `notice` hears of progress.
    """
    standing = read_state(ledger, spec.name).champion
    if standing is None:
        nothing = RetrainDecision(False, (f"{spec.name} has no champion yet.",))
        return Watched(spec.name, None, (), nothing.reasons, nothing, ())
    rules = monitoring_of(domain)
    seen = Watch(domain, spec, standing.version, standing.since, rules, settings, ledger)
    notes = _judge_windows(seen, until, notice)
    events = _judged(seen, until)
    decision = decide(
        [_as_window(event) for event in events], last_retrain(ledger, spec.name), rules.retrain
    )
    performance = rules.performance.measure(ledger, domain, spec, until)
    retraining = _act(seen, decision, events, run, notice)
    bodies = tuple({"key": event.key, **event.body} for event in events)
    return Watched(spec.name, standing.version, bodies, notes, decision, performance, retraining)


def _judge_windows(seen: Watch, until: datetime, notice: Notice) -> tuple[str, ...]:
    """Judge every complete window that is not in the ledger yet; notes on those left out."""
    first = first_event(seen.ledger, seen.domain.name, seen.spec.name, seen.since)
    if first is None:
        return (f"Nothing was decided since version {seen.champion} became champion.",)
    drift = seen.rules.drift
    done = {event.key for event in seen.ledger.events("drift", seen.spec.name)}
    windows = windows_between(first, until, drift.days, seen.settings.timezone)
    new = [window for window in windows if window.key(seen.champion) not in done]
    if not new:
        return ()
    notice(f"{seen.spec.name}: comparing {len(new)} windows with the training sample")
    reference = reference_of(seen.spec, seen.champion, seen.settings, seen.ledger)
    notes = (_judge_window(seen, window, reference, drift) for window in new)
    return tuple(note for note in notes if note)


def _judge_window(
    seen: Watch, window: Window, reference: pd.DataFrame, drift: DriftRules
) -> str | None:
    inputs = [str(name) for name in reference.columns if name != SCORE]
    current = decisions_in(
        seen.ledger,
        seen.domain.name,
        seen.spec.name,
        seen.champion,
        window,
        inputs,
        seen.since,
    )
    if len(current) < drift.minimum_rows:
        return (
            f"{window.since:%Y-%m-%d %H:%M} UTC: {len(current):,} of "
            f"{drift.minimum_rows:,} decisions, not judged yet."
        )
    columns = [*judged_columns(inputs, window, drift), SCORE]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Evidently's imports advise their own authors
        snapshot, findings = measure(reference, current[columns], drift)
        verdict = verdict_of(findings, window, seen.champion, len(current), drift)
        path = keep(
            seen.settings.evidently,
            seen.spec.name,
            window,
            seen.champion,
            snapshot,
            drift.key_columns,
        )
    _record(seen, verdict, str(path.relative_to(seen.settings.home)))
    return None


def _record(seen: Watch, verdict: DriftVerdict, report: str) -> None:
    body = {**verdict.as_body(), "report": report}
    now = datetime.now(UTC)
    event = Event("drift", seen.spec.name, verdict.key, ACTOR, now, seen.champion, body)
    seen.ledger.append([event])


def _judged(seen: Watch, until: datetime) -> list[Event]:
    events = [
        event
        for event in seen.ledger.events("drift", seen.spec.name)
        if event.version == seen.champion and _until(event) <= until
    ]
    return sorted(events, key=_until)


def _until(event: Event) -> datetime:
    return datetime.fromisoformat(event.body["until"])


def _as_window(event: Event) -> WindowVerdict:
    return WindowVerdict(event.key, _until(event), event.body["violated"], event.body["rows"])


def _act(
    seen: Watch,
    decision: RetrainDecision,
    events: list[Event],
    run: Run | None,
    notice: Notice,
) -> Retraining | None:
    if not decision.retrain or decision.key is None or run is None:
        return None
    notice(f"{seen.spec.name}: retraining, because {decision.reasons[0]}")
    plan: tuple[tuple[str, Mapping[str, str]], ...] = (
        (seen.rules.data_pipeline, seen.rules.data_arguments),
        (seen.spec.name, seen.rules.training_arguments),
    )
    return launch_once(
        seen.spec,
        decision.key,
        _until(events[-1]),
        decision.reasons,
        plan,
        seen.ledger,
        run,
        lambda: datetime.now(UTC),
    )
