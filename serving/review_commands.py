"""`finloop reviews list|claim|release|resolve`: the review queue, where there is no page for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from serving.common.review_queue import Act, Case, ReviewQueue

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a decision that waits.")]
_By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it.")]


class _Sort(StrEnum):
    oldest = "oldest"
    amount = "amount"


def mount(app: typer.Typer) -> None:
    """Add `reviews` to the command line."""
    reviews = typer.Typer(help="What waits for a person.", no_args_is_help=True)
    reviews.command("list")(_list)
    reviews.command("claim")(_claim)
    reviews.command("release")(_release)
    reviews.command("resolve")(_resolve)
    app.add_typer(reviews, name="reviews")


def _list(
    sort: Annotated[_Sort, typer.Option(help="The oldest, or most money first.")] = _Sort.oldest,
    domain: Annotated[str | None, typer.Option(help="Only of this domain.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many of them.")] = 20,
    as_json: _Json = False,
) -> None:
    """The open cases."""
    from serving.common.review_queue import Wanted, open_cases

    now = datetime.now(UTC)
    with _queue() as queue:
        found = open_cases(queue.cases(), Wanted(domain=domain, sort=sort.value), now)
    if as_json:
        shown = [_plain(case, now) for case in found[:limit]]
        typer.echo(json.dumps({"open": len(found), "cases": shown}))
        return
    for case in found[:limit]:
        held = case.held_by(now)
        money = "" if case.amount is None else f"{case.amount:,.0f}"
        typer.echo(f"{case.decision_id}  {money:>14}  {f'held by {held}' if held else ''}".rstrip())
    typer.echo(f"{len(found):,} open.")


def _claim(decision_id: _Id, by: _By, as_json: _Json = False) -> None:
    """Hold a case for half an hour; again to prolong it."""
    from serving.common.review_queue import claim

    _act(decision_id, lambda case, now: claim(case, by, now), as_json)


def _release(decision_id: _Id, by: _By, as_json: _Json = False) -> None:
    """Give a case back."""
    from serving.common.review_queue import release

    _act(decision_id, lambda case, now: release(case, by, now), as_json)


def _resolve(
    decision_id: _Id,
    outcome: Annotated[str, typer.Argument(metavar="OUTCOME", help="As fraud or genuine.")],
    by: _By,
    note: Annotated[str | None, typer.Option(help="Why; name no person in it.")] = None,
    as_json: _Json = False,
) -> None:
    """Say what a case was that you hold; training learns from it."""
    from serving.common.review_queue import resolve

    with _queue() as queue:
        queue.check_outcome(queue.find(decision_id), outcome)
    _act(decision_id, lambda case, now: resolve(case, by, now, outcome, note), as_json)


def _act(decision_id: str, step: Act, as_json: bool) -> None:
    from serving.common.review_queue import act

    with _queue() as queue:
        case = act(queue, queue.ledger, decision_id, step)
    if as_json:
        typer.echo(json.dumps(_plain(case, datetime.now(UTC))))
    elif case.outcome is not None:
        typer.echo(f"{decision_id} was {case.outcome}, says {case.resolved_by}.")
    else:
        holder = case.held_by(datetime.now(UTC))
        typer.echo(f"{decision_id} is held by {holder}." if holder else f"{decision_id} is free.")


def _plain(case: Case, now: datetime) -> dict[str, Any]:
    values = {**asdict(case), "holder": case.held_by(now)}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


@contextmanager
def _queue() -> Iterator[ReviewQueue]:
    from contextlib import closing

    from components.common.ledger import open_ledger
    from components.common.settings import load_settings
    from serving.common.domain import services
    from serving.common.review_queue import ReviewQueue

    kinds = {one.name: one.reviewed for one in services() if one.reviewed is not None}
    with closing(open_ledger(load_settings())) as ledger:
        yield ReviewQueue(ledger, kinds)
