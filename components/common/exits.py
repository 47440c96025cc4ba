"""How a command that fails ends: one sentence for a person, one status for a program."""

from __future__ import annotations

import os
import tempfile
import traceback
from pathlib import Path

import typer

from components.common.errors import Exit, FinloopError, in_words

_HELP = "NoArgsIsHelpError"
"""What typer raises where a command was named without what it does: its message is the help."""


def explained(error: Exception) -> tuple[str, Exit | int]:
    """What to print for an error that ends a command, and the exit status."""
    match error:
        case FinloopError():
            return f"finloop: {error.message}", error.exit_status
        case typer.TyperException() if type(error).__name__ == _HELP:
            return error.format_message(), error.exit_code
        case typer.TyperException():
            return f"finloop: {_usage(error)}", error.exit_code
        case OSError():
            return f"finloop: {_refused_by_system(error)}", Exit.UNAVAILABLE
        case _:
            return f"finloop: {_unexpected(error)}", Exit.UNEXPECTED


def _usage(error: typer.TyperException) -> str:
    """What is wrong with how a command was called, and where it is told how to call it."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "finloop"
    return f"{in_words(error.format_message())}; see `{command} --help`."


def _refused_by_system(error: OSError) -> str:
    where = error.filename or "A file"
    why = error.strerror or type(error).__name__
    return f"{where} cannot be used ({why}); give it room, permissions or another place, and retry."


def _unexpected(error: Exception) -> str:
    """A mistake of ours: the trace is kept for who mends it, and not shown to who meets it."""
    kind = type(error).__name__
    said = " ".join(str(error).split())[:200]
    handle, name = tempfile.mkstemp(prefix="finloop-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return f"Something unexpected failed ({kind}: {said}); please report it with {Path(name)}."
