"""Tables for people; programs take `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.common.records import Event
    from monitoring.watch import Watched

_SHOWN = 8
"""Reasons of a window that a table shows."""


def watched(found: Sequence[Watched]) -> None:
    """Windows with their verdicts, performance, and the decision to retrain."""
    from rich.table import Table

    from monitoring.performance import summary

    for one in found:
        _say(f"[bold]{one.model}[/bold]  champion {one.champion or 'none'}")
        if one.windows:
            table = Table("window (UTC)", "decisions", "verdict", "why")
            for window in one.windows:
                verdict = "[red]drift[/red]" if window["violated"] else "stable"
                span = f"{_minute(window['since'])} – {_minute(window['until'])}"
                table.add_row(span, f"{window['rows']:,}", verdict, _listed(window["reasons"]))
            _print(table)
        for line in (*one.notes, *summary(one.performance)):
            _say(f"  {_join([line])}")
        if one.champion:
            answer = "yes" if one.decision.retrain else "no"
            _say(f"  Retrain: {answer}. {_join(one.decision.reasons)}")
        if one.retraining:
            ended = "ended well" if one.retraining.ok else "failed"
            _say(f"  The retraining {ended}: {', '.join(one.retraining.runs) or 'nothing ran'}.")
        elif one.decision.retrain:
            _say("  No training was launched: this verdict was acted on before, or --no-retrain.")


def rollout(found: dict[str, Any]) -> None:
    """Champion, challenger, what waits, and the judge's opinion."""
    _say(f"[bold]{found['model']}[/bold]")
    for role in ("champion", "challenger"):
        one = found[role]
        _say(f"  {role}: {_standing(one) if one else 'none'}")
    if found["waiting"]:
        _say(f"  waiting: version {', '.join(found['waiting'])}")
    for one in (*found["refused"], *found["rolled_back"]):
        _say(f"  {_standing(one)}: {_join(one['reasons'])}")
    if found["judge"]:
        _say(f"  the judge says {found['judge']['action'].replace('_', ' ')}:")
        for reason in found["judge"]["reasons"]:
            _say(f"    {_join([reason])}")


def events(written: Sequence[Event]) -> None:
    """What a step wrote to the ledger, a sentence each."""
    if not written:
        _say("Nothing moved; `finloop rollout status MODEL` says why.")
    for event in written:
        _say(f"{event.model}: {_sentence(event)}")


def status(found: dict[str, Any]) -> None:
    """What runs, what is stale, each model, and what waits for a human."""
    from rich.table import Table

    table = Table("what", "state")
    table.add_column("where or since", overflow="fold")
    for one in found["runs"]:
        state = "answers" if one["ok"] else "[red]is down[/red]"
        if one["address"] is None:
            state = "not started"
        table.add_row(one["name"], state, one["address"] or "finloop up starts it")
    for one in found["data"]:
        state = "none" if not one["written"] else "[red]stale[/red]" if one["stale"] else "fresh"
        table.add_row(one["name"], state, _minute(one["written"]))
    _print(table)
    for model in found["models"]:
        rollout({**model, "judge": None})
        if model["served"]["behind"]:
            _say("  [red]the services do not serve this yet[/red]")
        if model["drift"]:
            verdict = "drift" if model["drift"]["violated"] else "stable"
            _say(f"  last window until {_minute(model['drift']['until'])}: {verdict}")
        for one in model["click_through"]:
            _say(f"  {_join([one['sentence']])}")
    for one in found["waits"]:
        _say(f"waits for a human: {one['what']} of {one['model']}; {one['do']}")


def _sentence(event: Event) -> str:
    body = event.body
    match event.kind:
        case "approval":
            return f"version {event.version} was approved by {event.actor}."
        case "release":
            return f"version {event.version} is released from the shadow by {event.actor}."
        case "refusal":
            return f"version {event.version} is refused. {_join(body['reasons'])}"
        case "alias_restored":
            was, now = body["found"] or "none", body["restored"] or "none"
            return f"alias {body['alias']} was moved by hand to {was}; it names {now} again."
        case _:
            move = f"version {event.version}: {body['from'] or 'new'} → {body['to']}."
            return f"{move} {_join(body['reasons'])}{_answered(body)}"


def _answered(body: dict[str, Any]) -> str:
    if "answered" not in body:
        return ""
    who = f"Version {body['replaced']}" if "replaced" in body else "It"
    return f" {who} had answered {body['answered']:,} decisions."


def _standing(one: dict[str, Any]) -> str:
    return f"version {one['version']}, {one['stage']} since {_minute(one['since'])}"


def _join(reasons: Sequence[str]) -> str:
    from rich.markup import escape

    return escape(" ".join(reasons))


def _listed(reasons: Sequence[str]) -> str:
    """A line for each reason; those that weigh least are left to `--json`."""
    more = len(reasons) - _SHOWN
    lines = [*reasons[:_SHOWN], *([f"… and {more} more; see --json"] if more > 0 else [])]
    return "\n".join(_join([line]) for line in lines)


def _minute(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else ""


def _say(text: str) -> None:
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(text)


def _print(table: object) -> None:
    from rich.console import Console

    Console(highlight=False).print(table)
