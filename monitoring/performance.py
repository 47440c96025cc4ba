"""How good the decisions turned out, once their outcomes are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from monitoring.answers import ANSWERS

if TYPE_CHECKING:
    import pandas as pd

    from components.common.domain import Domain, ModelSpec
    from components.common.ledger import Ledger


@dataclass(frozen=True)
class PerformanceRules:
    """What an outcome is worth, and how many are needed to speak."""

    amount: str
    """Name of the request's field with the money at stake."""
    accepted: tuple[str, ...]
    """Decisions that let the subject through."""
    declined: tuple[str, ...]
    minimum_known: int
    """Matured decisions with a known outcome that an arm needs."""
    minimum_positives: int
    """Bad outcomes that an arm needs."""

    def measure(
        self, ledger: Ledger, domain: Domain, spec: ModelSpec, until: datetime
    ) -> tuple[Performance, ...]:
        """The performance of every version and arm of a model, as known at a moment."""
        frame = matured(ledger, domain.name, spec.name, spec.label_delay, until, self.amount)
        return assess(frame, self)


class Measured(Protocol):
    """How good one version was in one arm, by whatever its domain measures."""

    @property
    def sentence(self) -> str:
        """The finding in words."""
        ...

    def as_json(self) -> dict[str, Any]:
        """The finding as one JSON object."""
        ...


class Measuring(Protocol):
    """How a domain measures what became of its decisions."""

    @property
    def declined(self) -> tuple[str, ...]:
        """Decisions that count as declines."""
        ...

    def measure(
        self, ledger: Ledger, domain: Domain, spec: ModelSpec, until: datetime
    ) -> tuple[Measured, ...]:
        """Every version and arm of a model, as known at a moment."""
        ...


@dataclass(frozen=True)
class Performance:
    """Matured decisions of one version in one arm."""

    version: str
    arm: str
    matured: int
    """Decisions old enough for their outcome to be known."""
    known: int
    positives: int
    enough: bool
    reason: str
    average_precision: float | None = None
    roc_auc: float | None = None
    decline_precision: float | None = None
    """Share of the declined that turned out bad; None where nothing was declined."""
    loss: float | None = None
    """Money of bad subjects that were let through."""
    wrongly_declined: float | None = None
    """Money of good subjects that were declined."""

    def as_json(self) -> dict[str, Any]:
        """The performance as one JSON object."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """The finding in words."""
        who = f"Version {self.version} ({self.arm}): "
        if not self.enough:
            return f"{who}{self.reason}"
        return (
            f"{who}AP {_shown(self.average_precision)}, AUC {_shown(self.roc_auc)}, precision at "
            f"decline {_shown(self.decline_precision)}, lost {self.loss:,.0f}, wrongly declined "
            f"{self.wrongly_declined:,.0f}; {self.reason[0].lower()}{self.reason[1:]}"
        )


def matured(
    ledger: Ledger, domain: str, model: str, delay: timedelta, now: datetime, amount: str
) -> pd.DataFrame:
    """Decisions whose event lies `delay` back, with the newest outcome known at `now`.

    Columns: version, arm, decision, score, label (null where unknown), amount. Only matured
    decisions count, because a bad outcome may become known sooner than a good one; and none of an
    arm that failed, because the other one answered.
    """
    import pandas as pd

    rows = ledger.rows(
        f"""
        SELECT d.version, d.arm, d.decision, d.score, o.label, d.request
        FROM {ANSWERS} d LEFT JOIN (
            SELECT subject_id, label, row_number() OVER (
                PARTITION BY subject_id ORDER BY known_at DESC, seq DESC) AS age
            FROM outcomes WHERE domain = ? AND known_at <= ?
        ) o ON o.subject_id = d.subject_id AND o.age = 1
        WHERE d.domain = ? AND d.model = ? AND d.version IS NOT NULL AND d.error IS NULL
          AND d.event_timestamp <= ?
        ORDER BY d.seq
        """,  # noqa: S608 - names of ours
        domain,
        now,
        domain,
        model,
        now - delay,
    )
    columns = ["version", "arm", "decision", "score", "label", "amount"]
    for row in rows:
        row["amount"] = json.loads(row.pop("request")).get(amount)
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"score": float, "label": "boolean", "amount": float})


def assess(frame: pd.DataFrame, rules: PerformanceRules) -> tuple[Performance, ...]:
    """The performance of every version and arm of `matured` decisions."""
    groups = frame.groupby(["version", "arm"], sort=True)
    return tuple(_assess(str(version), str(arm), rows, rules) for (version, arm), rows in groups)


def _assess(version: str, arm: str, rows: pd.DataFrame, rules: PerformanceRules) -> Performance:
    known = rows[rows["label"].notna() & rows["score"].notna()]
    bad = known["label"].astype(bool)
    positives = int(bad.sum())
    base = (version, arm, len(rows), len(known), positives)
    missing = _missing(len(known), positives, rules)
    if missing:
        return Performance(*base, False, f"Not enough evidence: {missing}.")
    return Performance(
        *base,
        True,
        f"{len(known):,} of {len(rows):,} matured decisions have an outcome.",
        **_metrics(known, bad, rules),
    )


def _missing(known: int, positives: int, rules: PerformanceRules) -> str:
    short = (
        (known, rules.minimum_known, "known outcomes"),
        (positives, rules.minimum_positives, "bad ones"),
    )
    return ", ".join(
        f"{seen:,} of {needed:,} {what}" for seen, needed, what in short if seen < needed
    )


def _metrics(
    known: pd.DataFrame, bad: pd.Series, rules: PerformanceRules
) -> dict[str, float | None]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    declined = known["decision"].isin(rules.declined)
    accepted = known["decision"].isin(rules.accepted)
    both = bad.nunique() == 2
    return {
        "average_precision": float(average_precision_score(bad, known["score"])) if both else None,
        "roc_auc": float(roc_auc_score(bad, known["score"])) if both else None,
        "decline_precision": float(bad[declined].mean()) if declined.any() else None,
        "loss": float(known.loc[accepted & bad, "amount"].sum()),
        "wrongly_declined": float(known.loc[declined & ~bad, "amount"].sum()),
    }


def summary(found: Sequence[Measured]) -> tuple[str, ...]:
    """One sentence per version and arm."""
    return tuple(one.sentence for one in found)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
