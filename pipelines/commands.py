"""`finloop run` and `finloop compile`."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.common.results import RunResult
    from pipelines.common.run_log import Step


class Place(StrEnum):
    """Where a pipeline runs."""

    LOCAL = "local"
    KUBEFLOW = "kubeflow"


def mount(app: typer.Typer) -> None:
    """Add the commands of this layer to the command line."""
    app.command("run")(run)
    app.command("compile")(compile_pipelines)


def run(
    pipeline: Annotated[str, typer.Argument(help="data, fraud-xgboost, …")],
    on: Annotated[Place, typer.Option(help="This machine, or FINLOOP_KFP_HOST.")] = Place.LOCAL,
    arguments: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="May be given often.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run a pipeline; a failed step ends it with its reasons."""
    from components.common.settings import load_settings
    from pipelines import launch

    result = launch.run(
        pipeline, _pairs(arguments or []), load_settings(), on.value, notice=_show_step
    )
    if as_json:
        typer.echo(json.dumps(result.as_json(), default=str))
    elif result.ok:
        _show(result)
    result.raise_failure()


def compile_pipelines(
    out: Annotated[Path, typer.Option("--out", help="Folder of the packages.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="PIPELINE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Write the Kubeflow package of each pipeline, or of all."""
    from components import only_model
    from components.common.settings import load_settings
    from pipelines import launch
    from pipelines.common.kubeflow import write_package

    settings, written = load_settings(), []
    for name in map(only_model, names or launch.names()):
        written.append(write_package(launch.find(name).PIPELINE, out / f"{name}.yaml", settings))
    if as_json:
        typer.echo(json.dumps([str(path) for path in written]))
    else:
        for path in written:
            typer.echo(path)


def _pairs(arguments: list[str]) -> dict[str, str]:
    from components.common.errors import bad_input

    pairs = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise bad_input(
                "bad_argument", f"--set takes NAME=VALUE, not {argument!r}; add the value."
            )
        pairs[name.strip()] = value.strip()
    return pairs


def _show_step(step: Step) -> None:
    state = "cached" if step.cached else "ok" if step.ok else "failed"
    sys.stderr.write(f"  {step.name:<20} {state:<7} {step.seconds:6.1f} s\n")
    sys.stderr.flush()


def _show(result: RunResult) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{result.pipeline}: {result.run_id}", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in result.outputs.items():
        table.add_row(name, str(value))
    if result.link:
        table.add_row("link", result.link)
    if result.log:
        table.add_row("log", str(result.log))
    Console().print(table)
