"""Retrain or not: pure, from the verdicts on the last windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class RetrainRules:
    """When drift is worth a new training."""

    violated: int
    """k: so many of the last `windows` must be violated."""
    windows: int
    """n: how far back one looks."""
    cool_down: timedelta
    """Event time that must pass between the windows that caused two trainings."""
    minimum_rows: int
    """Decisions that the violated windows must hold together."""

    def __post_init__(self) -> None:
        if not 1 <= self.violated <= self.windows:
            raise ValueError("violated must lie between 1 and windows.")


@dataclass(frozen=True)
class WindowVerdict:
    """What was found in one window."""

    key: str
    until: datetime
    violated: bool
    rows: int


@dataclass(frozen=True)
class RetrainDecision:
    """Whether to retrain, why or why not, and the verdict that it follows from."""

    retrain: bool
    reasons: tuple[str, ...]
    key: str | None = None
    """Key of the newest window; a training is launched at most once for it."""


def decide(
    windows: Sequence[WindowVerdict], last_retrain: datetime | None, rules: RetrainRules
) -> RetrainDecision:
    """Retrain where drift lasts: in k of the last n windows and in the newest.

    `last_retrain` is the end of the window that caused the last training that did not fail.
    Where the answer is no, every condition that is not met is a reason.
    """
    if not windows:
        return RetrainDecision(False, ("No window has been judged for this champion yet.",))
    recent = sorted(windows, key=lambda window: window.until)[-rules.windows :]
    newest, violated = recent[-1], [window for window in recent if window.violated]
    against = tuple(
        reason
        for reason in (
            _too_few(violated, recent, rules),
            None if newest.violated else "The newest window shows no drift.",
            _too_small(violated, rules),
            _too_soon(newest, last_retrain, rules),
        )
        if reason
    )
    if against:
        return RetrainDecision(False, against, newest.key)
    reason = f"{len(violated)} of the last {len(recent)} windows drifted, the newest among them."
    return RetrainDecision(True, (reason,), newest.key)


def _too_few(
    violated: Sequence[WindowVerdict], recent: Sequence[WindowVerdict], rules: RetrainRules
) -> str | None:
    if len(violated) >= rules.violated:
        return None
    return (
        f"{len(violated)} of the last {len(recent)} windows drifted; "
        f"{rules.violated} of {rules.windows} are needed."
    )


def _too_small(violated: Sequence[WindowVerdict], rules: RetrainRules) -> str | None:
    rows = sum(window.rows for window in violated)
    if not violated or rows >= rules.minimum_rows:
        return None
    return f"The drifted windows hold {rows:,} decisions; {rules.minimum_rows:,} are needed."


def _too_soon(
    newest: WindowVerdict, last_retrain: datetime | None, rules: RetrainRules
) -> str | None:
    if last_retrain is None or newest.until - last_retrain >= rules.cool_down:
        return None
    return (
        f"The last training followed from the window that ended {last_retrain:%Y-%m-%d %H:%M}; "
        f"the cool-down is {rules.cool_down / timedelta(days=1):g} days."
    )
