"""`finloop decisions list|show|replay`: why was this declined in March?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.common.errors import Exit, bad_input

if TYPE_CHECKING:
    from components.common.ledger import Ledger
    from components.common.records import Decision
    from serving.common.comparison import Comparison
    from serving.common.library import Library
    from serving.common.replay import Replayed

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a decision or of its subject.")]
_CHUNK = 500
_LABELS = (
    "SELECT o.domain, o.subject_id, o.label FROM decisions d JOIN outcomes o "
    "ON o.domain = d.domain AND o.subject_id = d.subject_id "
    "WHERE d.seq > ? AND d.seq <= ? ORDER BY o.seq"
)


def mount(app: typer.Typer) -> None:
    """Add `decisions` to the command line."""
    decisions = typer.Typer(help="What was decided, and why.", no_args_is_help=True)
    decisions.command("list")(_list)
    decisions.command("show")(_show)
    decisions.command("replay")(_replay)
    app.add_typer(decisions, name="decisions")


def _list(
    domain: Annotated[str | None, typer.Option(help="Only of this domain.")] = None,
    decision: Annotated[str | None, typer.Option(help="Only these, as DECLINE.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: _Json = False,
) -> None:
    """The newest decisions, the newest first."""
    with _ledger() as ledger:
        rows = ledger.rows(
            "SELECT decision_id, domain, subject_id, event_timestamp, recorded_at, model, version, "
            "arm, score, decision, error FROM decisions WHERE domain = coalesce(?, domain) "
            "AND decision = coalesce(?, decision) ORDER BY seq DESC LIMIT ?",
            domain,
            decision.upper() if decision else None,
            limit,
        )
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    elif not rows:
        typer.echo("No such decision was made yet; `finloop serve` answers payments.")
    else:
        _table(rows, ("subject_id", "decision", "score", "version", "arm"))


def _show(decision_id: _Id, as_json: _Json = False) -> None:
    """One decision whole: what was asked, known and answered, by whom, and what became of it."""
    with _ledger() as ledger:
        record = _record(ledger, _find(ledger, decision_id))
    typer.echo(json.dumps(record, ensure_ascii=False, indent=None if as_json else 2))


def _replay(
    decision_id: Annotated[str | None, typer.Argument(metavar="ID", help="As for show.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every decision.")] = False,
    version: Annotated[
        str | None, typer.Option("--with", metavar="VERSION", help="What it would say instead.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Answer again from the record; fails where the bytes are not those that were sent."""
    if every == (decision_id is not None):
        raise bad_input("which_decision", "Name one decision, or say --all.")
    if every:
        failed = _replay_all(version, as_json)
    else:
        failed = _replay_one(decision_id or "", version, as_json)
    if failed:
        raise typer.Exit(Exit.REFUSED)


def _replay_one(name: str, version: str | None, as_json: bool) -> bool:
    """Whether it failed."""
    from components.common.settings import load_settings
    from serving.common.library import Library
    from serving.common.replay import replay

    with _ledger() as ledger:
        (one,) = replay([_find(ledger, name)], Library(load_settings()), version)
    if as_json:
        typer.echo(json.dumps(one.as_json(), ensure_ascii=False))
    else:
        typer.echo(f"1 replayed, {0 if one.same else 1} different.")
        _tell_differing([] if one.same else [one])
    return one.error is not None or (version is None and not one.same)


def _replay_all(version: str | None, as_json: bool) -> bool:
    """Whether it failed."""
    from components.common.settings import load_settings
    from serving.common.library import Library

    with _ledger() as ledger, _progress() as told:
        found = _compare(ledger, Library(load_settings()), version, told)
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        typer.echo(f"{found.decisions:,} replayed, {found.mismatches:,} different.")
        if version is None:
            _tell_differing(found.different)
        else:
            _tell_changes(found)
    return found.unanswered > 0 or (version is None and found.mismatches > 0)


def _compare(
    ledger: Ledger, library: Library, version: str | None, told: Callable[[int], None]
) -> Comparison:
    """Every decision and what is said of it now, a page in memory at a time."""
    from serving.common.comparison import Comparison, latest_labels
    from serving.common.replay import replay

    found, position = Comparison(), 0
    while page := ledger.decisions_after(position, _CHUNK):
        labels = latest_labels(ledger.rows(_LABELS, position, page[-1][0]))
        decisions = [decision for _, decision in page]
        for decision, one in zip(decisions, replay(decisions, library, version), strict=True):
            found.add(decision, one, labels.get((decision.domain, decision.subject_id)))
        position = page[-1][0]
        told(found.decisions)
    return found


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    from rich.console import Console

    with Console(stderr=True).status("Replaying …") as status:
        yield lambda count: status.update(f"Replayed {count:,}")


@contextmanager
def _ledger() -> Iterator[Ledger]:
    from components.common.ledger import open_ledger
    from components.common.settings import load_settings

    ledger = open_ledger(load_settings())
    try:
        yield ledger
    finally:
        ledger.close()


def _find(ledger: Ledger, name: str) -> Decision:
    found = list(ledger.decisions("decision_id = ? OR subject_id = ?", name, name))
    if not found:
        raise bad_input(
            "unknown_decision", f"There is no decision {name!r}; see `finloop decisions list`."
        )
    return found[0]


def _record(ledger: Ledger, decision: Decision) -> dict[str, Any]:
    shadows = ledger.shadows("decision_id = ?", decision.decision_id)
    outcomes = ledger.outcomes(
        "domain = ? AND subject_id = ?", decision.domain, decision.subject_id
    )
    parsed = {
        name: json.loads(getattr(decision, name)) for name in ("request", "features", "answer")
    }
    return {
        **_plain(asdict(decision)),
        **parsed,
        "shadows": [_plain(asdict(shadow)) for shadow in shadows],
        "outcomes": [_plain(asdict(outcome)) for outcome in outcomes],
    }


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in record.items()
    }


def _tell_differing(differing: list[Replayed]) -> None:
    for one in differing:
        typer.echo(f"{one.decision_id}: {one.error or ''}")
        for name, (before, now) in one.changes.items():
            typer.echo(f"  {name}: {json.dumps(before, ensure_ascii=False)}")
            typer.echo(f"  {' ' * len(name)}→ {json.dumps(now, ensure_ascii=False)}")


def _tell_changes(found: Comparison) -> None:
    """What would change, in decisions and in money."""
    matrix = [
        {"recorded": before, "then": after, "decisions": f"{one.count:,}", "amount": one.amount}
        for (before, after), one in sorted(found.matrix.items())
    ]
    money = [
        {"what": name.replace("_", " "), "decisions": f"{one.count:,}", "amount": one.amount}
        for name, one in vars(found.money).items()
    ]
    _table(matrix, ("recorded", "then", "decisions", "amount"))
    _table(money, ("what", "decisions", "amount"))
    _tell_differing([one for one in found.different if one.error is not None])


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")  # what is there to be copied is never cut
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    Console().print(table)
