"""The front door: one command line that mounts each layer's own commands."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec

import typer

import components
from components.common.errors import Exit
from components.common.exits import explained

COMMANDS = (
    "components.common.commands",
    "pipelines.commands",
    "serving.commands",
    "monitoring.commands",
    "demo.commands",
    "benchmarks.commands",
)

app = typer.Typer(
    help="The machine-learning loop of a payments company.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for name in (*COMMANDS, *(f"components.{one.name}.commands" for one in components.domains())):
    if find_spec(name) is not None:  # a domain without commands of its own
        import_module(name).mount(app)


def main() -> None:
    """Run a command; an error is one sentence on standard error and an exit status."""
    warnings.simplefilter("ignore")  # advice to the callers of a library, not to who reads this
    try:
        status = app(standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - the last place where it can be told
        sentence, status = explained(error)
        if sentence:
            print(sentence, file=sys.stderr)  # noqa: T201
    except KeyboardInterrupt:
        status = Exit.INTERRUPTED
    sys.exit(int(status or 0))


if __name__ == "__main__":
    main()


__all__ = ["Exit", "app", "main"]
