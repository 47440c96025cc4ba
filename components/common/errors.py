"""The one way in which Finloop says no: a sentence, a stable code, an exit status."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit status of a command."""

    REFUSED = 1
    """The input was understood and the answer is no (a failed gate, a failed suite)."""
    BAD_INPUT = 2
    """The input cannot be used (unknown column, unknown model, truncated file)."""
    UNAVAILABLE = 3
    """Something this command needs does not answer (MLflow down, disk full, port taken)."""


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


def bad_input(code: str, message: str) -> FinloopError:
    """The input cannot be used."""
    return FinloopError(code, message)


def refused(code: str, message: str) -> FinloopError:
    """The input was understood and the answer is no."""
    return FinloopError(code, message, exit_status=Exit.REFUSED, http_status=409)


def unavailable(code: str, message: str) -> FinloopError:
    """Something that is needed does not answer now."""
    return FinloopError(code, message, exit_status=Exit.UNAVAILABLE, http_status=503)
