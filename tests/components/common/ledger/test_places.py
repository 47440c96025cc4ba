"""A set of places in little room."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from components.common.ledger.places import Places

PLACES = st.sets(st.integers(1, 60))


@given(PLACES)
def test_it_holds_what_was_put_in_and_nothing_else(places: set[int]) -> None:
    kept = Places.of(places)
    assert {place for place in range(62) if place in kept} == places
    assert len(kept) == len(places)


@given(PLACES, PLACES)
def test_bodies_of_erasures_are_joined(one: set[int], other: set[int]) -> None:
    bodies = [json.dumps({"rows": Places.of(each).spans}) for each in (one, other)]
    assert Places.of_bodies(bodies) == Places.of(one | other)


def test_neighbours_share_a_span() -> None:
    assert Places.of([5, 1, 2, 3]).spans == ((1, 3), (5, 5))
