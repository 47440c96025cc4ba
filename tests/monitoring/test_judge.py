"""Promote, hold or roll back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.judge import (
    Action,
    ArmCounts,
    JudgeRules,
    Observations,
    Pairs,
    judge,
)

RULES = JudgeRules(
    minimum={"shadow": 1_000, "canary-5": 100},
    error_rate=0.01,
    p99_ms=100.0,
    psi=0.25,
    changed_decisions=0.05,
    rank_correlation=0.3,
    decline_rate=0.02,
)
GOOD_PAIRS = Pairs(count=1_000, changed=10, psi=0.02, rank_correlation=0.9)
SHADOW = Observations(
    stage="shadow",
    shadow=True,
    challenger=ArmCounts(answers=1_000, declines=10, p99_ms=5.0),
    champion=ArmCounts(answers=1_000, declines=11, p99_ms=5.0),
    pairs=GOOD_PAIRS,
)
CANARY = Observations(
    stage="canary-5",
    shadow=False,
    challenger=ArmCounts(answers=120, declines=2, p99_ms=5.0),
    champion=ArmCounts(answers=2_300, declines=25, p99_ms=5.0),
)


def _with(observations: Observations, **challenger: int) -> Observations:
    return replace(observations, challenger=replace(observations.challenger, **challenger))


def _pairs(**values: float | None) -> Observations:
    return replace(SHADOW, pairs=replace(GOOD_PAIRS, **values))


@pytest.mark.parametrize("observations", [SHADOW, CANARY])
def test_a_good_challenger_is_promoted_with_reasons(observations: Observations) -> None:
    verdict = judge(observations, RULES)

    assert verdict.action == Action.PROMOTE
    assert len(verdict.reasons) >= 4


@pytest.mark.parametrize(
    ("observations", "word"),
    [
        (_with(SHADOW, errors=200), "Errors: 20.00%"),
        (_with(CANARY, errors=40), "Errors"),
        (_with(SHADOW, slow=300), "slower than 100 ms"),
        (_with(SHADOW, invalid=1), "no probability"),
        (_with(CANARY, invalid=3), "no probability"),
        (_pairs(psi=0.26), "PSI"),
        (_pairs(rank_correlation=-0.9), "Rank correlation"),
        (_pairs(rank_correlation=0.0), "Rank correlation"),
        (_pairs(changed=200), "Decisions that change: 20.00%"),
        (_with(CANARY, declines=30), "Declines: 25.00%"),
        (_with(SHADOW, declines=990), "Declines"),
    ],
)
def test_a_broken_guardrail_rolls_back_and_is_the_reason(
    observations: Observations, word: str
) -> None:
    verdict = judge(observations, RULES)

    assert verdict.action == Action.ROLL_BACK
    assert len(verdict.reasons) == 1
    assert word in verdict.reasons[0]


@pytest.mark.parametrize(
    ("observations", "word"),
    [
        (_pairs(count=999), "999 of 1,000 paired scores"),
        (_with(CANARY, answers=99), "99 of 100 answers of the challenger"),
        (replace(CANARY, champion=ArmCounts(answers=40)), "40 of 100 answers of the champion"),
        (_with(SHADOW, errors=20), "Errors: 2.00%"),
        (_with(SHADOW, slow=15), "slower"),
        (_pairs(changed=55), "Decisions that change: 5.50%"),
        (_with(CANARY, declines=5), "Declines: 4.17%"),
        (_pairs(psi=None), "compared from 200 pairs"),
    ],
)
def test_too_little_evidence_holds_and_says_what_is_missing(
    observations: Observations, word: str
) -> None:
    verdict = judge(observations, RULES)

    assert verdict.action == Action.HOLD
    assert any(word in reason for reason in verdict.reasons)


def test_nothing_seen_holds() -> None:
    nothing = Observations("shadow", True, ArmCounts(), ArmCounts())

    assert judge(nothing, RULES).action == Action.HOLD


def test_a_version_that_only_fails_is_caught_long_before_the_minimum_sample() -> None:
    early = replace(
        SHADOW,
        challenger=ArmCounts(answers=20, errors=20),
        champion=ArmCounts(answers=20),
        pairs=Pairs(),
    )

    assert judge(early, RULES).action == Action.ROLL_BACK


def test_an_inverted_model_is_caught_from_the_first_comparable_pairs() -> None:
    early = replace(SHADOW, pairs=Pairs(200, changed=190, psi=9.0, rank_correlation=-0.95))

    verdict = judge(early, RULES)

    assert verdict.action == Action.ROLL_BACK
    assert len(verdict.reasons) == 3


def test_a_trouble_that_the_champion_has_too_is_not_the_challengers() -> None:
    both = replace(
        SHADOW,
        challenger=replace(SHADOW.challenger, errors=200, slow=100),
        champion=replace(SHADOW.champion, errors=200, slow=100),
    )

    assert judge(both, RULES).action == Action.PROMOTE


def test_pairs_count_in_a_canary_too() -> None:
    verdict = judge(replace(CANARY, pairs=replace(GOOD_PAIRS, psi=3.0)), RULES)

    assert verdict.action == Action.ROLL_BACK


def test_a_canary_does_not_wait_for_pairs_that_will_not_come() -> None:
    left_over = replace(CANARY, pairs=Pairs(2, changed=1, psi=0.4, rank_correlation=1.0))

    assert judge(left_over, RULES).action == Action.PROMOTE
    assert judge(replace(left_over, stage="shadow", shadow=True), RULES).action == Action.HOLD


def test_a_sensible_improvement_after_drift_passes() -> None:
    improved = _pairs(psi=0.18, rank_correlation=0.6, changed=38)

    assert judge(improved, RULES).action == Action.PROMOTE


def test_rules_without_a_minimum_sample_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one answer"):
        replace(RULES, minimum={"shadow": 0})


arms = st.integers(0, 3_000).flatmap(
    lambda n: st.builds(
        ArmCounts,
        answers=st.just(n),
        errors=st.integers(0, n),
        invalid=st.integers(0, 2),
        slow=st.integers(0, n),
    )
)
pairs = st.integers(0, 3_000).flatmap(
    lambda n: st.builds(
        Pairs,
        count=st.just(n),
        changed=st.integers(0, n),
        psi=st.none() | st.floats(0, 10),
        rank_correlation=st.none() | st.floats(-1, 1),
    )
)
everything = st.sampled_from(["shadow", "canary-5"]).flatmap(
    lambda stage: st.builds(
        Observations, st.just(stage), st.just(stage == "shadow"), arms, arms, pairs
    )
)


@given(everything)
def test_it_never_promotes_under_the_minimum_sample(observations: Observations) -> None:
    verdict = judge(observations, RULES)

    seen = observations.pairs.count if observations.shadow else observations.challenger.answers
    assert verdict.reasons
    assert verdict.action != Action.PROMOTE or seen >= RULES.minimum[observations.stage]


@given(everything)
def test_it_never_promotes_an_invalid_score(observations: Observations) -> None:
    verdict = judge(_with(observations, invalid=1), RULES)

    assert verdict.action == Action.ROLL_BACK


def test_a_harmless_version_is_hardly_ever_rolled_back_however_often_one_looks() -> None:
    """Both arms decline 2 %; 60 canaries, looked at after every 40 answers."""
    rng = np.random.default_rng(11)
    rolled_back = 0
    for _ in range(60):
        ours, champions = (rng.random((30, 40)) < 0.02).sum(axis=1).cumsum(), 0
        for look, declines in enumerate(ours, start=1):
            champions += int(rng.binomial(760, 0.02))
            seen = replace(
                CANARY,
                challenger=ArmCounts(answers=40 * look, declines=int(declines)),
                champion=ArmCounts(answers=760 * look, declines=champions),
            )
            if judge(seen, RULES).action == Action.ROLL_BACK:
                rolled_back += 1
                break

    assert rolled_back <= 1
