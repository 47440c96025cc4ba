"""`finloop monitor`, `finloop rollout` and `finloop status`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitoring import show

if TYPE_CHECKING:
    from components.common.domain import ModelSpec
    from components.common.ledger import Ledger
    from components.common.records import Event
    from components.common.registry import Registry
    from components.common.settings import Settings
    from monitoring.retrain import Run

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Model = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the production model.")]
_By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so.")]
_Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.")]


def mount(app: typer.Typer) -> None:
    """Add the commands of this layer to the command line."""
    app.command("monitor")(monitor)
    app.command("status")(status)
    rollout = typer.Typer(help="Shadow, canary, champion, or back.", no_args_is_help=True)
    rollout.command("status")(rollout_status)
    rollout.command("step")(rollout_step)
    rollout.command("release")(rollout_release)
    rollout.command("abort")(rollout_abort)
    rollout.command("restore")(rollout_restore)
    app.add_typer(rollout, name="rollout")


def monitor(
    domain: Annotated[str | None, typer.Argument(metavar="DOMAIN", help="All if left out.")] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Look at events before this time (UTC).")
    ] = None,
    retrain: Annotated[
        bool, typer.Option(help="Launch a training where the policy says so.")
    ] = True,
    as_json: _Json = False,
) -> None:
    """Drift and performance now, the verdict, and what follows from it."""
    from components import domains, find_domain
    from components.common.errors import refused
    from monitoring.watch import watch

    moment = as_utc(until) if until else datetime.now(UTC)
    with _opened() as (settings, ledger):
        run = _launcher(settings) if retrain else None
        watched = [
            watch(one, spec, settings, ledger, moment, run, _progress)
            for one in ([find_domain(domain)] if domain else domains())
            for spec in one.models
        ]
    if as_json:
        _print([asdict(one) for one in watched])
    else:
        show.watched(watched)
    for one in watched:
        if one.retraining and not one.retraining.ok:
            why = " ".join(one.retraining.reasons)
            raise refused("retrain_failed", f"The retraining of {one.model} failed: {why}")


def status(as_json: _Json = False) -> None:
    """What runs, what is stale, what waits for a human."""
    from components import domains
    from monitoring.status import status as look

    with _opened() as (settings, ledger):
        found = look(domains(), settings, ledger)
    _print(found) if as_json else show.status(found)


def rollout_status(model: _Model, as_json: _Json = False) -> None:
    """Where the rollout of a model stands, and what the judge says now."""
    from components import find_model
    from monitoring.rollout import opinion
    from monitoring.rollout_state import read_state
    from monitoring.status import describe

    _, spec = find_model(model)
    with _opened() as (settings, ledger):
        found = {"model": spec.name, **describe(read_state(ledger, spec.name))}
        judged = opinion(spec, ledger, settings)
    found["judge"] = None
    if judged is not None:
        seen, verdict = judged
        found["observations"] = asdict(seen)
        found["judge"] = {"action": verdict.action.value, "reasons": list(verdict.reasons)}
    _print(found) if as_json else show.rollout(found)


def rollout_step(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Every model if left out.")
    ] = None,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", help="Go on looking, this often, until Ctrl-C.")
    ] = 0.0,
    as_json: _Json = False,
) -> None:
    """Note promotions, admit or refuse versions, and make at most one move of each model."""
    from components import domains, find_model
    from components.common.registry import Registry
    from monitoring.poll import poll
    from monitoring.rollout import step_all

    every_model = tuple(spec for domain in domains() for spec in domain.models)
    specs = (find_model(model)[1],) if model else every_model
    with _opened() as (settings, ledger):
        registry = Registry(settings)

        def look() -> None:
            moved = step_all(specs, registry, ledger, datetime.now(UTC))
            if moved or every <= 0:  # who goes on looking wants to hear of moves
                _tell(moved, as_json)

        poll(look, every, _progress) if every > 0 else look()


def rollout_release(model: _Model, by: _By, reason: _Why = "", as_json: _Json = False) -> None:
    """Let the version in shadow go on, once the judge has nothing against it."""
    from components import find_model
    from monitoring.release import release

    _, spec = find_model(model)
    with _opened() as (_, ledger):
        _tell([release(spec, ledger, by, reason, datetime.now(UTC))], as_json)


def rollout_abort(model: _Model, by: _By, reason: _Why = "", as_json: _Json = False) -> None:
    """Roll back the version in flight."""
    from monitoring.rollout import abort

    with _opened_for(model) as (spec, registry, ledger):
        _tell([abort(spec, registry, ledger, by, reason, datetime.now(UTC))], as_json)


def rollout_restore(model: _Model, by: _By, reason: _Why = "", as_json: _Json = False) -> None:
    """Bring the former champion back and roll the present one back."""
    from monitoring.rollout import restore

    with _opened_for(model) as (spec, registry, ledger):
        _tell([restore(spec, registry, ledger, by, reason, datetime.now(UTC))], as_json)


def as_utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken for UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


@contextmanager
def _opened() -> Iterator[tuple[Settings, Ledger]]:
    from components.common.ledger import open_ledger
    from components.common.settings import load_settings

    settings = load_settings()
    with closing(open_ledger(settings)) as ledger:
        yield settings, ledger


@contextmanager
def _opened_for(model: str) -> Iterator[tuple[ModelSpec, Registry, Ledger]]:
    from components import find_model
    from components.common.registry import Registry

    _, spec = find_model(model)
    with _opened() as (settings, ledger):
        yield spec, Registry(settings), ledger


def _launcher(settings: Settings) -> Run:
    from pipelines import launch

    return lambda pipeline, arguments: launch.run(pipeline, arguments, settings)


def _tell(events: list[Event], as_json: bool) -> None:
    if as_json:
        _print([asdict(event) for event in events])
    else:
        show.events(events)


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
