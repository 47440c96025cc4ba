"""Promote, hold or roll back: pure, from what was observed since the stage began.

Every guardrail says one of three things: broken (the evidence is beyond what chance gives, however
often one looks), kept, or open (not enough evidence). One broken guardrail rolls back at any
sample size; only when all are kept and the minimum sample is there is a version promoted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from monitoring.sequential import difference_bounds, rate_bounds


class Action(StrEnum):
    """What to do with the challenger."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True)
class JudgeRules:
    """What a challenger must keep, and how much must be seen of it."""

    minimum: dict[str, int]
    """Stage → answers of the challenger that are needed before it may move on."""
    error_rate: float
    """Share of errors allowed on top of the champion's."""
    p99_ms: float
    """99 of 100 answers must be faster, beyond what the champion itself misses."""
    psi: float
    """Population stability index of paired scores, in bins of the champion's."""
    changed_decisions: float
    """Share of paired requests whose decision may differ."""
    rank_correlation: float
    """Least Spearman correlation of paired scores: a better model still agrees on the order."""
    decline_rate: float
    """How far the decline rate may lie above the champion's."""
    click_loss: float | None = None
    """How far the share of clicks may lie below the champion's, where things are shown."""
    minimum_pairs: int = 200
    """Pairs that a distance or a correlation of scores needs to mean anything."""
    resolution: float = 0.01
    """Bins of scores are at least this wide: a smaller difference changes no decision."""
    alpha: float = 0.01
    """Chance that a guardrail at its limit is called broken, over all looks together."""

    def __post_init__(self) -> None:
        if min(self.minimum.values()) < 1 or self.minimum_pairs < 2:
            raise ValueError("A minimum sample is at least one answer and two pairs.")


@dataclass(frozen=True)
class ArmCounts:
    """What one version did since the stage began."""

    answers: int = 0
    """Requests that it was asked, errors included."""
    errors: int = 0
    invalid: int = 0
    """Answers that are no probability: missing, not a number, or outside 0 to 1."""
    slow: int = 0
    """Answers that took longer than `JudgeRules.p99_ms`."""
    declines: int = 0
    shown: int = 0
    """Things that people saw on its answers."""
    clicks: int = 0
    p99_ms: float | None = None


@dataclass(frozen=True)
class Pairs:
    """Both versions on the same requests."""

    count: int = 0
    changed: int = 0
    """Requests on which the decisions differ."""
    psi: float | None = None
    rank_correlation: float | None = None
    """Spearman's; 0 where one of the versions always says the same."""


@dataclass(frozen=True)
class Observations:
    """What the ledger says about a challenger in its stage."""

    stage: str
    shadow: bool
    """Whether the challenger only scores beside the champion and answers nobody."""
    challenger: ArmCounts
    champion: ArmCounts
    pairs: Pairs = field(default_factory=Pairs)


@dataclass(frozen=True)
class Finding:
    """What one guardrail says: broken, kept or open, and why."""

    state: Literal["broken", "kept", "open"]
    reason: str


@dataclass(frozen=True)
class JudgeVerdict:
    """What to do, and every reason for it."""

    action: Action
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def judge(observations: Observations, rules: JudgeRules) -> JudgeVerdict:
    """Promote, hold or roll back a challenger; "not enough evidence" is a reason to hold."""
    findings = tuple(
        finding for guardrail in GUARDRAILS if (finding := guardrail(observations, rules))
    )
    broken = tuple(finding.reason for finding in findings if finding.state == "broken")
    if broken:
        return JudgeVerdict(Action.ROLL_BACK, broken, findings)
    missing = _missing_sample(observations, rules)
    unsettled = tuple(finding.reason for finding in findings if finding.state == "open")
    if missing or unsettled:
        return JudgeVerdict(Action.HOLD, missing + unsettled, findings)
    return JudgeVerdict(Action.PROMOTE, tuple(finding.reason for finding in findings), findings)


def _missing_sample(observations: Observations, rules: JudgeRules) -> tuple[str, ...]:
    needed = rules.minimum[observations.stage]
    seen = {"answers of the challenger": observations.challenger.answers}
    if observations.shadow:
        seen = {"paired scores": observations.pairs.count}
    else:
        seen["answers of the champion"] = observations.champion.answers
    return tuple(
        f"Not enough evidence: {count:,} of {needed:,} {what}."
        for what, count in seen.items()
        if count < needed
    )


def _errors(observations: Observations, rules: JudgeRules) -> Finding:
    ours, champions = observations.challenger, observations.champion
    return _on_top_of_champion(
        "Errors",
        (ours.errors, ours.answers),
        (champions.errors, champions.answers),
        rules.error_rate,
        rules.alpha,
    )


def _latency(observations: Observations, rules: JudgeRules) -> Finding:
    ours, champions = observations.challenger, observations.champion
    return _on_top_of_champion(
        f"Answers slower than {rules.p99_ms:g} ms",
        (ours.slow, ours.answers),
        (champions.slow, champions.answers),
        0.01,
        rules.alpha,
    )


def _declines(observations: Observations, rules: JudgeRules) -> Finding:
    return _on_top_of_champion(
        "Declines",
        _declined(observations.challenger),
        _declined(observations.champion),
        rules.decline_rate,
        rules.alpha,
    )


def _clicks(observations: Observations, rules: JudgeRules) -> Finding | None:
    ours, champions = observations.challenger, observations.champion
    if rules.click_loss is None or not (ours.shown and champions.shown):
        return None
    return _on_top_of_champion(
        "Seen and not followed",
        (ours.shown - ours.clicks, ours.shown),
        (champions.shown - champions.clicks, champions.shown),
        rules.click_loss,
        rules.alpha,
    )


def _declined(arm: ArmCounts) -> tuple[int, int]:
    return arm.declines, arm.answers - arm.errors


def _on_top_of_champion(
    what: str, ours: tuple[int, int], champions: tuple[int, int], allowed: float, alpha: float
) -> Finding:
    """A share that may exceed the champion's by `allowed`.

    The champion excuses the challenger, because both depend on the same machines and customers.
    """
    share, usual = _rate(*ours), _rate(*champions)
    said = (
        f"{what}: {share:.2%} of {ours[1]:,}, the champion {usual:.2%} of {champions[1]:,}; "
        f"allowed is {allowed:.2%} more"
    )
    if difference_bounds(*ours, *champions, alpha)[0] > allowed:
        return Finding("broken", f"{said}, and chance does not explain it.")
    return _settled(share - usual <= allowed, said)


def _settled(kept: bool, said: str) -> Finding:
    return Finding("kept", f"{said}.") if kept else Finding("open", f"{said}, unsettled.")


def _invalid(observations: Observations, rules: JudgeRules) -> Finding:
    count = observations.challenger.invalid
    if count:
        return Finding("broken", f"{count:,} scores of the challenger are no probability.")
    return Finding("kept", "Every score is a probability.")


def _score_distance(observations: Observations, rules: JudgeRules) -> Finding | None:
    distance = observations.pairs.psi
    if distance is None or observations.pairs.count < rules.minimum_pairs:
        return _too_few_pairs(observations, rules)
    said = f"PSI of the scores against the champion's: {distance:.3f}, limit {rules.psi:g}."
    return Finding("broken" if distance > rules.psi else "kept", said)


def _order(observations: Observations, rules: JudgeRules) -> Finding | None:
    correlation = observations.pairs.rank_correlation
    if correlation is None or observations.pairs.count < rules.minimum_pairs:
        return None
    said = (
        f"Rank correlation of the scores with the champion's: {correlation:.2f}, "
        f"at least {rules.rank_correlation:g}."
    )
    return Finding("kept" if correlation >= rules.rank_correlation else "broken", said)


def _too_few_pairs(observations: Observations, rules: JudgeRules) -> Finding | None:
    if not observations.shadow:
        return None
    seen, needed = observations.pairs.count, rules.minimum_pairs
    return Finding("open", f"Scores are compared from {needed:,} pairs on; there are {seen:,}.")


def _changed(observations: Observations, rules: JudgeRules) -> Finding | None:
    pairs, limit = observations.pairs, rules.changed_decisions
    if not pairs.count:
        return None
    share = _rate(pairs.changed, pairs.count)
    said = f"Decisions that change: {share:.2%} of {pairs.count:,}; limit {limit:.2%}"
    if rate_bounds(pairs.changed, pairs.count, rules.alpha)[0] > limit:
        return Finding("broken", f"{said}, and chance does not explain it.")
    no_more_come = not observations.shadow
    return _settled(share <= limit or no_more_come, said)


def _rate(events: int, trials: int) -> float:
    return events / trials if trials else 0.0


Guardrail = Callable[[Observations, JudgeRules], Finding | None]

GUARDRAILS: tuple[Guardrail, ...] = (
    _errors,
    _latency,
    _invalid,
    _score_distance,
    _order,
    _changed,
    _declines,
    _clicks,
)
"""In a canary the pairs are requests that the challenger scored before the services had heard of
it. They may speak against a version, but no more of them come, so that none is waited for."""
