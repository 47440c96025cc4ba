"""Data drift and score drift: a window of decisions against the champion's training sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from monitoring.windows import SCORE, Window

if TYPE_CHECKING:
    import pandas as pd
    from evidently.core.report import Snapshot

STATISTIC = "psi_quantile"
"""Name under which our statistic is known to Evidently."""


@dataclass(frozen=True)
class DriftRules:
    """What counts as drift."""

    days: int
    """Length of a window, in local days."""
    minimum_rows: int
    """A window with fewer decisions is not judged yet."""
    psi: float
    """Population stability index from which an input has drifted."""
    score_psi: float
    """The same for the score."""
    drifted_share: float
    """Share of the inputs that must drift for the window to be violated."""
    key_columns: tuple[str, ...] = ()
    """Inputs of which each one alone violates the window."""
    column_psi: dict[str, float] = field(default_factory=dict)
    """Input → its own limit, where it differs."""
    missing_change: float = 0.1
    """Change of an input's share of nulls from which it has drifted."""
    cycles: dict[str, timedelta] = field(default_factory=dict)
    """Input → length of its cycle; a shorter window cannot look like the training sample."""
    slow: tuple[str, ...] = ()
    """Inputs that change with the age of the history rather than with the world; not judged."""


@dataclass(frozen=True)
class ColumnDrift:
    """How one column of a window differs from the training sample."""

    column: str
    statistic: str
    value: float
    threshold: float
    mean_before: float | None
    mean_now: float | None

    @property
    def drifted(self) -> bool:
        return self.value > self.threshold

    @property
    def sentence(self) -> str:
        """The finding in words."""
        relation = ">" if self.drifted else "≤"
        before, now = (_readable(mean) for mean in (self.mean_before, self.mean_now))
        return (
            f"{self.column}: {self.statistic} {self.value:.3g} {relation} {self.threshold:.3g}, "
            f"mean {before} → {now}"
        )


@dataclass(frozen=True)
class DriftVerdict:
    """Whether a window is violated, why, and every number behind it."""

    window: Window
    version: str
    rows: int
    violated: bool
    reasons: tuple[str, ...]
    columns: tuple[ColumnDrift, ...]

    @property
    def key(self) -> str:
        return self.window.key(self.version)

    def as_body(self) -> dict[str, Any]:
        """The verdict as the body of a ledger event."""
        return {
            "since": self.window.since.isoformat(),
            "until": self.window.until.isoformat(),
            "rows": self.rows,
            "violated": self.violated,
            "reasons": list(self.reasons),
            "columns": [{**asdict(column), "drifted": column.drifted} for column in self.columns],
        }


def judged_columns(inputs: Sequence[str], window: Window, rules: DriftRules) -> tuple[str, ...]:
    """The inputs that a window of this length can be judged by."""
    return tuple(
        name
        for name in inputs
        if name not in rules.slow and rules.cycles.get(name, timedelta()) <= window.length
    )


def measure(
    reference: pd.DataFrame, current: pd.DataFrame, rules: DriftRules
) -> tuple[Snapshot, tuple[ColumnDrift, ...]]:
    """Evidently's report of the columns of `current`, and its numbers per column.

    Both frames hold float columns of the same names; a column without a single value on one side
    is compared by its nulls alone and is not in the report. Imports Evidently (13 s of CPU).
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import DriftedColumnsCount, MissingValueCount, ValueDrift

    _register_statistic()
    columns = list(current.columns)
    filled = [
        name for name in columns if reference[name].notna().any() & current[name].notna().any()
    ]
    limits = {name: _threshold(name, reference[name], current[name], rules) for name in filled}
    report = Report(
        [
            DriftedColumnsCount(
                columns=filled,
                num_method=STATISTIC,
                per_column_threshold=limits,
                drift_share=rules.drifted_share,
            ),
            *(ValueDrift(column=name, method=STATISTIC, threshold=limits[name]) for name in filled),
            *(MissingValueCount(column=name) for name in filled if current[name].isna().any()),
        ]
    )
    definition = DataDefinition(numerical_columns=filled)
    snapshot = report.run(
        Dataset.from_pandas(current[filled], definition),
        Dataset.from_pandas(reference[filled], definition),
    )
    return snapshot, _findings(snapshot, reference, current, limits, rules)


def verdict_of(
    columns: Sequence[ColumnDrift], window: Window, version: str, rows: int, rules: DriftRules
) -> DriftVerdict:
    """Violated where the score, a key column, or a large share of the inputs has drifted."""
    drifted = sorted(
        (column for column in columns if column.drifted),
        key=lambda column: column.threshold / column.value,
    )
    names = {column.column for column in columns} - {SCORE}
    moved = {column.column for column in drifted}
    share = len(moved - {SCORE}) / len(names) if names else 0.0
    violated = (
        SCORE in moved or bool(moved & set(rules.key_columns)) or share >= rules.drifted_share
    )
    reasons = (
        f"{len(moved - {SCORE})} of {len(names)} inputs drifted in {rows:,} decisions.",
        *(f"{column.sentence}." for column in drifted),
    )
    return DriftVerdict(window, version, rows, violated, reasons, tuple(columns))


def _findings(
    snapshot: Snapshot,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    limits: dict[str, float],
    rules: DriftRules,
) -> tuple[ColumnDrift, ...]:
    measured = {
        metric["config"]["column"]: float(metric["value"])
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith(":ValueDrift")
    }
    names = [str(name) for name in current.columns]
    means = {name: (_mean(reference[name]), _mean(current[name])) for name in names}
    values = [
        ColumnDrift(name, "PSI", value, limits[name], *means[name])
        for name, value in measured.items()
    ]
    nulls = [
        ColumnDrift(name, "change of missing share", change, rules.missing_change, *means[name])
        for name in names
        if name != SCORE  # absent where another version answered
        and (change := abs(float(current[name].isna().mean() - reference[name].isna().mean())))
        > rules.missing_change
    ]
    return (*values, *nulls)


def _threshold(column: str, reference: pd.Series, current: pd.Series, rules: DriftRules) -> float:
    """The limit of a column, or what chance gives in samples of this size, if that is more."""
    from monitoring.psi import psi_by_chance, quantile_edges

    limit = rules.score_psi if column == SCORE else rules.column_psi.get(column, rules.psi)
    by_chance = psi_by_chance(reference.count(), current.count(), quantile_edges(reference))
    return max(limit, by_chance)


def _register_statistic() -> None:
    """Make our statistic known to Evidently.

    Its own PSI cuts equal widths between the extremes, so that a single large amount puts all
    others into one bin.
    """
    from evidently.legacy.calculations.stattests.registry import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    register_stattest(
        StatTest(STATISTIC, "PSI in quantiles of the reference", [ColumnType.Numerical], 0.2),
        _statistic,
    )


def _statistic(
    reference: pd.Series, current: pd.Series, kind: object, threshold: float
) -> tuple[float, bool]:
    from monitoring.psi import psi, quantile_edges

    value = psi(reference, current, quantile_edges(reference))
    return value, value > threshold


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if values.notna().any() else None


def _readable(mean: float | None) -> str:
    if mean is None:
        return "none"
    return f"{mean:,.0f}" if abs(mean) >= 1_000 else f"{mean:.3g}"
