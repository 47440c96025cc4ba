"""`finloop rules …`: check rules, see what they can name, and try them on the ledger."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from components.fraud.rules.ruleset import RuleSet
    from components.fraud.rules.trial import Tally, Trial

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_File = Annotated[Path, typer.Argument(metavar="FILE", help="Rule file (YAML).")]


def mount(app: typer.Typer) -> None:
    """Add the commands of this domain to the command line."""
    rules = typer.Typer(help="What people have decided beforehand.", no_args_is_help=True)
    for name, command in (
        ("show", _show),
        ("check", _check),
        ("fields", _fields),
        ("test", _test),
        ("pseudonyms", _pseudonyms),
    ):
        rules.command(name)(command)
    app.add_typer(rules, name="rules")


def _show(as_json: _Json = False) -> None:
    """The rules that decide now: those of the newest decision, or the shipped ones before it."""
    from contextlib import closing

    from components.common.ledger import open_ledger
    from components.common.settings import load_settings
    from components.fraud import DOMAIN
    from components.fraud.rules import rules_of_late

    with closing(open_ledger(load_settings())) as ledger:
        _print_rules(rules_of_late(ledger, DOMAIN.name), as_json)


def _check(file: _File, as_json: _Json = False) -> None:
    """Read a rule file as a release would, and show it; a mistake is said with its rule."""
    from components.fraud.rules.ruleset import RuleSet

    _print_rules(RuleSet.read(file), as_json)


def _fields(as_json: _Json = False) -> None:
    """Everything that a condition of a rule can name."""
    from components.fraud.rules.fields import fields

    rows = [vars(field) for field in fields().values()]
    if as_json:
        typer.echo(json.dumps({"fields": rows}, ensure_ascii=False))
    else:
        _print_table(("name", "kind", "unit", "description"), rows)


def _test(
    file: _File,
    since: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First local day of the payments.")
    ],
    against: Annotated[
        Path | None,
        typer.Option(help="Rule file to compare with; else those that decide now."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """What these rules would have decided on the ledger, beside the current ones."""
    from contextlib import closing
    from zoneinfo import ZoneInfo

    from components.common.ledger import open_ledger
    from components.common.settings import load_settings
    from components.fraud import DOMAIN
    from components.fraud.rules import rules_of_late
    from components.fraud.rules.ruleset import RuleSet
    from components.fraud.rules.trial import try_rules

    settings = load_settings()
    proposed = RuleSet.read(file)
    midnight = since.replace(tzinfo=ZoneInfo(settings.timezone))
    with closing(open_ledger(settings)) as ledger:
        current = RuleSet.read(against) if against else rules_of_late(ledger, DOMAIN.name)
        trial = try_rules(ledger, DOMAIN.name, proposed, current, midnight)
    if as_json:
        typer.echo(json.dumps({"since": since.date().isoformat(), **trial.as_json()}))
    else:
        _print_trial(trial)


def _pseudonyms(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Text file with one id per line.")],
) -> None:
    """The pseudonyms of ids, one per line in their order, for a list of a rule file."""
    from components.common.errors import bad_input
    from components.common.identity import pseudonymise
    from components.common.settings import load_settings

    try:
        ids = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise bad_input("no_source", f"{file} cannot be read as text; check its name.") from error
    key = load_settings().pseudonym_secret()
    for one in ids:
        typer.echo(pseudonymise(one, key))


def _print_rules(rules: RuleSet, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"digest": rules.digest, **rules.content}, ensure_ascii=False))
        return
    rows = [
        {**rule.model_dump(mode="json"), "enabled": "yes" if rule.enabled else "no"}
        for rule in rules.file.rules
    ]
    _print_table(("id", "action", "reason", "enabled", "text_en"), rows)
    typer.echo(f"{len(rules.active)} of {len(rows)} rules are enabled; digest {rules.digest}.")


def _print_trial(trial: Trial) -> None:
    typer.echo(
        f"{trial.decisions:,} decisions, {trial.known:,} with a known outcome, "
        f"{len(trial.customers):,} customers with a genuine payment."
    )
    sides = {"current": trial.current, "proposed": trial.proposed}
    summaries = {name: _summary(tally) for name, tally in sides.items()}
    _print_table(
        ("", *sides),
        [
            {"": what, **{name: summary[what] for name, summary in summaries.items()}}
            for what in summaries["current"]
        ],
    )
    _print_table(
        ("rule", "applied", "decided", "fraud", "good"),
        [
            {"rule": name, **{part: one.count for part, one in vars(share).items()}}
            for name, share in trial.proposed.by_rule.items()
        ],
    )
    for (before, after), one in sorted(trial.changes.items()):
        typer.echo(f"{before} → {after}: {one.count:,} payments, {one.amount:,.0f}")


def _summary(tally: Tally) -> dict[str, str]:
    sums = {
        **tally.decisions,
        "fraud caught": tally.fraud_caught,
        "fraud missed": tally.fraud_missed,
        "good payments stopped": tally.good_stopped,
        "good payments declined": tally.good_declined,
    }
    rows = {name: f"{one.count:,} ({one.amount:,.0f})" for name, one in sums.items()}
    return {**rows, "good customers stopped": f"{len(tally.customers_stopped):,}"}


def _print_table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    Console().print(table)
