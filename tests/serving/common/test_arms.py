"""The arm of a request is drawn once and for all, by a key."""

from __future__ import annotations

import pytest

from serving.common.arms import draw, place

EVERYONE = [f"user-{number}" for number in range(5000)]


def challengers(share: float, salt: str = "salt") -> set[str]:
    return {entity for entity in EVERYONE if draw(entity, salt, share) == "challenger"}


def test_nobody_meets_a_challenger_without_a_share() -> None:
    assert challengers(0.0) == set()


def test_everybody_meets_a_challenger_with_all_of_it() -> None:
    assert len(challengers(1.0)) == len(EVERYONE)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_a_share_is_about_as_large_as_it_says(share: float) -> None:
    assert len(challengers(share)) / len(EVERYONE) == pytest.approx(share, abs=0.02)


def test_the_same_entity_always_has_the_same_arm() -> None:
    assert challengers(0.25) == challengers(0.25)


def test_a_larger_share_keeps_everyone_it_had() -> None:
    assert challengers(0.05) < challengers(0.25) < challengers(0.5)


def test_the_next_rollout_draws_anew() -> None:
    again = len(challengers(0.25) & challengers(0.25, "other"))
    assert again / len(EVERYONE) == pytest.approx(0.25**2, abs=0.02)


def test_places_are_the_same_on_every_replica_and_in_every_release() -> None:
    assert place("user-1", "salt") == 0.4604765109079334
