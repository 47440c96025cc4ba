"""What the ledger says about a challenger since its stage began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from components import find_model
from components.common.ledger import Ledger
from components.common.stages import Stage
from monitoring.answers import ANSWERS
from monitoring.click_through import click_through
from monitoring.judge import ArmCounts, JudgeRules, Observations, Pairs
from monitoring.psi import psi, quantile_edges

Rows = Sequence[dict[str, Any]]

_ANSWERED = f"""
SELECT score, decision, latency_ms, error FROM {ANSWERS} AS answers
WHERE model = ? AND version = ? AND arm = ? AND recorded_at >= ?
"""  # noqa: S608 - names of ours
_SHADOWED = """
SELECT score, decision, latency_ms, error FROM shadows
WHERE model = ? AND version = ? AND recorded_at >= ?
"""
_PAIRED = f"""
SELECT d.score AS champion, s.score AS challenger, d.decision <> s.decision AS changed
FROM shadows s JOIN {ANSWERS} d ON d.decision_id = s.decision_id AND d.model = s.model
WHERE s.model = ? AND s.version = ? AND s.recorded_at >= ? AND d.version = ?
  AND s.error IS NULL AND d.error IS NULL AND s.score IS NOT NULL AND d.score IS NOT NULL
"""  # noqa: S608 - names of ours


def observe(
    ledger: Ledger,
    model: str,
    challenger: str,
    champion: str,
    stage: Stage,
    since: datetime,
    rules: JudgeRules,
    declined: Sequence[str],
) -> Observations:
    """Counts of both versions since `since` (wall clock), and their pairs.

    In shadow the challenger's answers are its shadow scores; in a canary they are the decisions of
    its arm. `declined` are the decisions that count as declines.
    """
    shadow = stage is Stage.SHADOW
    ours = (
        ledger.rows(_SHADOWED, model, challenger, since)
        if shadow
        else ledger.rows(_ANSWERED, model, challenger, "challenger", since)
    )
    champions = ledger.rows(_ANSWERED, model, champion, "champion", since)
    seen = {} if rules.click_loss is None else _seen(ledger, model, since)
    arms = ((ours, challenger, "challenger"), (champions, champion, "champion"))
    its, theirs = (
        replace(count(rows, rules, declined), **seen.get((version, arm), {}))
        for rows, version, arm in arms
    )
    return Observations(
        stage=stage.value,
        shadow=shadow,
        challenger=its,
        champion=theirs,
        pairs=pair(ledger.rows(_PAIRED, model, challenger, since, champion), rules),
    )


def _seen(ledger: Ledger, model: str, since: datetime) -> dict[tuple[str, str], dict[str, int]]:
    """(version, arm) → what people saw and followed of its answers."""
    domain, _ = find_model(model)
    found = click_through(ledger, domain.name, model, datetime.now(UTC), since=since)
    return {(one.version, one.arm): {"shown": one.shown, "clicks": one.clicks} for one in found}


def answered_by(ledger: Ledger, model: str, version: str) -> tuple[int, int]:
    """How many decisions a version has answered, and how many requests it has shadowed."""
    answered = (
        f"SELECT count(*) AS n FROM {ANSWERS} AS answers "  # noqa: S608 - names of ours
        "WHERE model = ? AND version = ? AND error IS NULL"
    )
    shadowed = "SELECT count(*) AS n FROM shadows WHERE model = ? AND version = ?"
    return (
        ledger.rows(answered, model, version)[0]["n"],
        ledger.rows(shadowed, model, version)[0]["n"],
    )


def count(rows: Rows, rules: JudgeRules, declined: Sequence[str]) -> ArmCounts:
    """What a version did: `rows` have score, decision, latency_ms and error.

    A row with an error has no answer of this version; its score and decision are another's.
    """
    sound = [row for row in rows if row["error"] is None]
    latencies = [row["latency_ms"] for row in rows]
    return ArmCounts(
        answers=len(rows),
        errors=len(rows) - len(sound),
        invalid=sum(not _is_probability(row["score"]) for row in sound),
        slow=sum(latency > rules.p99_ms for latency in latencies),
        declines=sum(row["decision"] in declined for row in sound),
        p99_ms=float(np.percentile(latencies, 99)) if latencies else None,
    )


def pair(rows: Rows, rules: JudgeRules) -> Pairs:
    """How far two versions differ on the same requests: `rows` have both scores and `changed`."""
    if not rows:
        return Pairs()
    champion = np.array([row["champion"] for row in rows])
    challenger = np.array([row["challenger"] for row in rows])
    edges = quantile_edges(champion, bins=20, resolution=rules.resolution)
    return Pairs(
        count=len(rows),
        changed=sum(bool(row["changed"]) for row in rows),
        psi=psi(champion, challenger, edges),
        rank_correlation=_spearman(champion, challenger),
    )


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    from scipy.stats import rankdata

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def _is_probability(score: float | None) -> bool:
    return score is not None and 0.0 <= score <= 1.0
