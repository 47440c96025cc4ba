"""The ladder from waiting to champion."""

from __future__ import annotations

import pytest

from components.common.stages import LADDER, Stage


def test_promotion_climbs_the_whole_ladder_one_step_at_a_time() -> None:
    climbed: list[Stage] = []
    stage: Stage | None = Stage.WAITING
    while (stage := stage.next) is not None:
        climbed.append(stage)
    assert climbed == [
        Stage.SHADOW,
        Stage.CANARY_5,
        Stage.CANARY_25,
        Stage.CANARY_50,
        Stage.CHAMPION,
    ]


def test_each_step_answers_at_least_as_much_as_the_one_before() -> None:
    shares = [stage.share for stage in LADDER]
    assert shares == sorted(shares) == [0.0, 0.05, 0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    "stage", [Stage.WAITING, Stage.RETIRED, Stage.ROLLED_BACK, Stage.REFUSED, Stage.CHAMPION]
)
def test_only_shadow_and_canaries_are_challenging(stage: Stage) -> None:
    assert not stage.challenging
    assert all(step.challenging for step in LADDER[:-1])


@pytest.mark.parametrize("stage", [Stage.RETIRED, Stage.ROLLED_BACK, Stage.REFUSED])
def test_what_is_over_answers_nothing_and_goes_nowhere(stage: Stage) -> None:
    assert stage.share == 0.0
    assert stage.next is None
