"""From the ledger to what the judge looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from components.common.ledger import Ledger
from components.common.records import Decision, Shadow
from components.common.stages import Stage
from monitoring.fraud import MONITORING
from monitoring.judge import Observations
from monitoring.observations import answered_by, observe, pair

from .conftest import MODEL, NOW

RULES = MONITORING.judge
LATER = NOW + timedelta(hours=1)


def _observe(ledger: Ledger, stage: Stage = Stage.SHADOW) -> Observations:
    return observe(ledger, MODEL, "2", "1", stage, NOW, RULES, ("DECLINE",))


@pytest.fixture
def ledger(either_ledger: Ledger) -> Ledger:
    """What these queries say, they say in both databases."""
    return either_ledger


def test_in_shadow_the_answers_are_shadow_scores(
    ledger: Ledger, decided: Callable[..., Decision], shadowed: Callable[..., Shadow]
) -> None:
    ledger.append([decided(n, score=n / 10) for n in range(5)])
    ledger.append(
        [
            shadowed(0),
            shadowed(1, decision="DECLINE", score=0.8),
            shadowed(2, error="TimeoutError", score=None, decision=None),
            shadowed(3, score=None),
            shadowed(4, latency_ms=RULES.p99_ms + 1),
        ]
    )

    seen = _observe(ledger)

    assert seen.shadow
    assert seen.challenger.answers == 5
    assert (seen.challenger.errors, seen.challenger.invalid) == (1, 1)
    assert (seen.challenger.slow, seen.challenger.declines) == (1, 1)
    assert seen.champion.answers == 5
    assert (seen.pairs.count, seen.pairs.changed) == (3, 1)


def test_in_a_canary_each_arm_is_counted_by_its_version(
    ledger: Ledger, decided: Callable[..., Decision]
) -> None:
    ours = {"version": "2", "arm": "challenger"}
    ledger.append([decided(n) for n in range(4)])
    ledger.append([decided(10, **ours), decided(11, **ours, decision="DECLINE")])
    ledger.append([decided(12, **ours, error="ValueError", decision="DECLINE", score=0.2)])
    ledger.append([decided(13, version="3", arm="challenger")])

    seen = _observe(ledger, Stage.CANARY_5)

    assert not seen.shadow
    assert seen.champion.answers == 4
    assert seen.challenger.answers == 3
    assert (seen.challenger.errors, seen.challenger.declines) == (1, 1)


def test_what_lies_before_the_stage_does_not_count(
    ledger: Ledger, decided: Callable[..., Decision], shadowed: Callable[..., Shadow]
) -> None:
    ledger.append([decided(1, recorded_at=NOW - timedelta(seconds=1)), decided(2)])
    ledger.append([shadowed(1, recorded_at=NOW - timedelta(seconds=1)), shadowed(2)])

    seen = _observe(ledger)

    assert seen.champion.answers == seen.challenger.answers == seen.pairs.count == 1


def test_pairs_are_the_champions_own_requests(
    ledger: Ledger, decided: Callable[..., Decision], shadowed: Callable[..., Shadow]
) -> None:
    ledger.append([decided(1), decided(2, version="7"), decided(3, error="x"), decided(4)])
    ledger.append([shadowed(1), shadowed(2), shadowed(3), shadowed(4, error="x")])

    assert _observe(ledger).pairs.count == 1


def test_nothing_written_is_nothing_seen(ledger: Ledger) -> None:
    seen = _observe(ledger)

    assert seen.challenger.answers == seen.pairs.count == 0
    assert seen.challenger.p99_ms is None
    assert seen.pairs.psi is None


@pytest.mark.parametrize("score", [-0.1, 1.1, None])
def test_what_is_no_probability_is_invalid(
    score: float | None, ledger: Ledger, shadowed: Callable[..., Shadow]
) -> None:
    ledger.append([shadowed(1, score=score)])

    assert _observe(ledger).challenger.invalid == 1


def _pairs(challenger: np.ndarray, champion: np.ndarray) -> dict[str, float | None]:
    rows = [
        {"champion": a, "challenger": b, "changed": 0}
        for a, b in zip(champion, challenger, strict=True)
    ]
    pairs = pair(rows, RULES)
    return {"psi": pairs.psi, "rank": pairs.rank_correlation}


def test_pairs_tell_like_from_inverted_and_constant() -> None:
    rng = np.random.default_rng(5)
    champion = rng.beta(0.2, 8, 2_000)
    like = np.clip(champion * rng.lognormal(0, 0.2, 2_000), 0, 1)

    alike, inverted = _pairs(like, champion), _pairs(1 - champion, champion)
    constant = _pairs(np.zeros(2_000), champion)

    assert alike["psi"] is not None
    assert alike["rank"] is not None
    assert alike["psi"] < 0.05
    assert alike["rank"] > 0.9
    assert inverted["psi"] is not None
    assert inverted["psi"] > 5
    assert inverted["rank"] == pytest.approx(-1)
    assert constant["rank"] == 0.0


def test_how_much_a_version_has_answered(
    ledger: Ledger, decided: Callable[..., Decision], shadowed: Callable[..., Shadow]
) -> None:
    ours = {"version": "2", "arm": "challenger", "recorded_at": LATER}
    ledger.append([decided(1), decided(2, **ours), decided(3, **ours, error="x")])
    ledger.append([shadowed(1), replace(shadowed(1), version="3")])

    assert answered_by(ledger, MODEL, "2") == (1, 1)
