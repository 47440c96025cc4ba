"""Run a pipeline here or on a Kubeflow endpoint: same package, same arguments."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

from pydantic import ValidationError

import pipelines
from components import only_model
from components.common.errors import bad_input, in_words
from components.common.settings import Settings
from pipelines.common.arguments import RunArguments
from pipelines.common.results import RunResult
from pipelines.common.run_log import Step

Place = Literal["local", "kubeflow"]
_NOT_PIPELINES = {"launch", "commands"}


def names() -> tuple[str, ...]:
    """Every pipeline of the house: each module of this layer, with dashes."""
    found = (m.name for m in pkgutil.iter_modules(pipelines.__path__) if not m.ispkg)
    return tuple(sorted(name.replace("_", "-") for name in found if name not in _NOT_PIPELINES))


def find(name: str) -> ModuleType:
    """The module of that pipeline: `PIPELINE` and its `Arguments`.

    The name of a domain stands for its only model.
    """
    name = only_model(name)
    if name not in names():
        raise bad_input(
            "unknown_pipeline",
            f"There is no pipeline named {name!r}; choose one of: {', '.join(names())}.",
        )
    return import_module(f"pipelines.{name.replace('-', '_')}")


def resolve(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a run: what was given, checked, and the defaults for the rest."""
    arguments: type[RunArguments] = find(name).Arguments
    unknown = sorted(set(given) - set(arguments.model_fields))
    if unknown:
        known = ", ".join(arguments.model_fields) or "none"
        raise bad_input(
            "unknown_argument",
            f"{name} has no argument named {unknown[0]!r}; it has: {known}.",
        )
    try:
        return arguments.model_validate(dict(given)).as_parameters()
    except ValidationError as error:
        problem = error.errors()[0]
        which = ".".join(str(part) for part in problem["loc"])
        taken = f"take {which}={given.get(which, '')}" if which else "be run like this"
        raise bad_input(
            "bad_argument", f"{name} cannot {taken}: {in_words(problem['msg'])}."
        ) from None


def run(
    pipeline: str,
    arguments: Mapping[str, str],
    settings: Settings,
    on: Place = "local",
    notice: Callable[[Step], None] = lambda step: None,
) -> RunResult:
    """Run a pipeline with arguments by name; `notice` is told of each step of a local run.

    A step that fails gives a result that is not `ok`, with its reasons. Raises `FinloopError` for
    an unknown pipeline or argument, and where the Kubeflow endpoint does not take the run.
    """
    pipeline = only_model(pipeline)
    values = resolve(pipeline, arguments)
    package = find(pipeline).PIPELINE
    if on == "kubeflow":
        from pipelines.common.kubeflow import submit

        return submit(pipeline, package, values, settings)
    from pipelines.common.local import run_here

    return run_here(pipeline, package, values, settings, notice)
