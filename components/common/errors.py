"""The one way in which Finloop says no: a sentence, a stable code, an exit status."""

from __future__ import annotations

import re
from enum import IntEnum

_PLAIN_WORDS = (
    ("Value error, ", ""),
    ("Input should have timezone info", "it must have a time zone, as 2026-03-01T21:14:03+09:00"),
    ("Input should be", "it must be"),
    ("String should have", "it must have"),
    ("List should have", "it must have"),
    ("Tuple should have", "it must have"),
    (" after validation", ""),
    ("a valid dictionary", "an object"),
    ("a valid integer", "a whole number"),
    ("a valid number", "a number"),
    ("a valid datetime or date", "a date or a moment"),
    ("a valid datetime", "a moment"),
    ("a valid boolean", "true or false"),
    ("a valid string", "text"),
    ("finite number", "finite number (not NaN, not infinite)"),
    ("Field required", "this field is required; add it"),
    ("Extra inputs are not permitted", "this field is not known here; leave it out"),
)
"""What pydantic says, and what a person says."""
_ASIDE = re.compile(r", (unable to|input is|invalid character|unexpected extra|got a number).*")


class Exit(IntEnum):
    """Exit status of a command."""

    REFUSED = 1
    """The input was understood and the answer is no (a failed gate, a failed suite)."""
    BAD_INPUT = 2
    """The input cannot be used (unknown column, unknown model, truncated file)."""
    UNAVAILABLE = 3
    """Something this command needs does not answer (MLflow down, disk full, port taken)."""
    UNEXPECTED = 70
    """A mistake of ours (EX_SOFTWARE)."""
    INTERRUPTED = 130
    """Ctrl-C."""


class FinloopError(Exception):
    """An error a person can act on.

    `message` is one clear sentence that says what to do; `code` is stable and appears in
    problem+json answers; `exit_status` is what a command ends with; `http_status` is what an
    endpoint answers.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        exit_status: Exit = Exit.BAD_INPUT,
        http_status: int = 400,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.exit_status = exit_status
        self.http_status = http_status


def in_words(said: str) -> str:
    """What pydantic says of a value, as the end of a sentence: no capital, no full stop."""
    for theirs, ours in _PLAIN_WORDS:
        said = said.replace(theirs, ours)
    return _ASIDE.sub("", said).rstrip(".")


def bad_input(code: str, message: str) -> FinloopError:
    """The input cannot be used."""
    return FinloopError(code, message)


def refused(code: str, message: str) -> FinloopError:
    """The input was understood and the answer is no."""
    return FinloopError(code, message, exit_status=Exit.REFUSED, http_status=409)


def unavailable(code: str, message: str) -> FinloopError:
    """Something that is needed does not answer now."""
    return FinloopError(code, message, exit_status=Exit.UNAVAILABLE, http_status=503)
