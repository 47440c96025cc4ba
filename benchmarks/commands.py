"""`finloop bench`: every measured claim, as a table or as JSON."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from components.common.errors import bad_input

if TYPE_CHECKING:
    from benchmarks.report import Benchmark, Report, Say


def mount(app: typer.Typer) -> None:
    """Add the commands of this layer to the command line."""
    app.command("bench")(bench)


def bench(
    name: Annotated[str, typer.Argument(help="Which claim to measure.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the data it reads.")] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Requests to watch memory.")] = None,
    train: Annotated[Path | None, typer.Option(help="File to learn from (ncf).")] = None,
    test: Annotated[Path | None, typer.Option(help="File to be tested on (ncf).")] = None,
    table: Annotated[
        Path | None, typer.Option(help="Parquet or CSV file to learn from and test on (credit).")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column to predict (credit).")] = None,
    positive: Annotated[
        str | None, typer.Option(help="Value of it that is the bad outcome (credit).")
    ] = None,
    protected: Annotated[
        str | None, typer.Option(help="Columns, between commas, no model may see (credit).")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=1, help="CPU-seconds to stay within (ncf); seconds of tuning (credit)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure a claim against a peer in the same run."""
    given = {
        "requests": requests,
        "train": train,
        "test": test,
        "table": table,
        "target": target,
        "positive": positive,
        "protected": protected,
        "budget": budget,
    }
    report = measure(name, data, lambda line: typer.echo(line, err=True), given)
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        _print_table(report)


def benchmarks() -> dict[str, Benchmark]:
    """Every benchmark by name: the modules of this folder that have a `run`."""
    import benchmarks as folder

    names = [module.name for module in pkgutil.iter_modules(folder.__path__)]
    modules = {name: import_module(f"benchmarks.{name}") for name in names}
    return {
        name: cast("Benchmark", module)
        for name, module in modules.items()
        if hasattr(module, "run")
    }


def measure(
    name: str, data: Path | None, say: Say, given: Mapping[str, object] | None = None
) -> Report:
    """Run the benchmark of that name; a clear sentence where there is none, or no such folder.

    given: option → value, for benchmarks that take it by that name; None is not given.
    """
    from time import perf_counter

    from benchmarks.report import Report, describe_machine
    from components.common.settings import load_settings

    known = benchmarks()
    if name not in known:
        raise bad_input(
            "unknown_benchmark",
            f"There is no benchmark named {name!r}; choose one of: {', '.join(sorted(known))}.",
        )
    if data is not None and not data.exists():
        raise bad_input("no_data", f"There is no folder {data}; give one that exists with --data.")
    more = _taken(name, known[name], given or {})
    load_settings()  # keeps every component silent about its use
    began = perf_counter()
    rows = known[name].run(data, say, **more)
    return Report(name, perf_counter() - began, describe_machine(), rows)


def _taken(name: str, benchmark: Benchmark, given: Mapping[str, object]) -> dict[str, Any]:
    """The options that were given; a clear sentence about one that the benchmark does not take."""
    from inspect import signature

    more = {option: value for option, value in given.items() if value is not None}
    for option in more:
        if option not in signature(benchmark.run).parameters:
            raise bad_input("no_such_option", f"The benchmark {name} takes no --{option}.")
    return more


def _print_table(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{report.name} · {report.seconds:.0f} s · {report.machine}"
    table = Table("case", "metric", "value", "unit", "peer", title=title)
    for row in report.rows:
        peer = "" if row.peer is None else f"{row.peer:.4g}"
        table.add_row(row.case, row.metric, f"{row.value:.4g}", row.unit, peer)
    Console().print(table)
