"""From probabilities to a list: who may be on it, in which order, and why. Pure functions.

The order is maximal marginal relevance (Carbonell and Goldstein 1998): each place goes to the
merchant with the greatest

    (1 − λ)·p / p_best − λ·(similarity to the most similar one that is on the list already)

so that a list is not ten times the same. Two merchants are similar by half for the same category,
and by half where one is a neighbour of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.recommendation.catalogue import Catalogue

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

DIVERSITY = 0.15
"""λ, 0 to 1."""
_POOL = 5
"""Merchants that are looked at for each place of a list."""
_EARTH_KM = 6371.0


@dataclass(frozen=True)
class Place:
    """A place, and how far from it counts as near."""

    latitude: float
    longitude: float
    radius_km: float


def eligible(
    catalogue: Catalogue,
    used: Sequence[str] = (),
    category: str | None = None,
    near: Place | None = None,
) -> Flags:
    """Which merchants may be on a list [merchants].

    used: merchants to be left out. A merchant without a place is near nothing.
    """
    allowed = np.ones(len(catalogue), dtype=bool)
    allowed[catalogue.rows(used)] = False
    if category is not None:
        allowed &= catalogue.sells(category)
    if near is not None:
        with np.errstate(invalid="ignore"):
            allowed &= distance_km(catalogue, near.latitude, near.longitude) <= near.radius_km
    return allowed


def distance_km(catalogue: Catalogue, latitude: float, longitude: float) -> Floats:
    """From a place to each merchant by the haversine formula; NaN to one without a place."""
    here, there = np.radians(latitude), np.radians(catalogue.latitude)
    across = np.radians(catalogue.longitude - longitude)
    half = np.sin((there - here) / 2) ** 2
    half += np.cos(here) * np.cos(there) * np.sin(across / 2) ** 2
    return 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def best(
    probability: Floats,
    allowed: Flags,
    catalogue: Catalogue,
    n: int,
    diversity: float = DIVERSITY,
) -> Ints:
    """Rows of at most n merchants in the order of a list; equal ones in the order of their ids."""
    open_to = np.flatnonzero(allowed)
    pool = open_to[_highest(probability[open_to], _POOL * n)]
    if not len(pool):
        return pool
    relevance = (1 - diversity) * probability[pool] / max(float(probability[pool[0]]), 1e-12)
    likeness, chosen = np.zeros(len(pool)), []
    left = np.ones(len(pool), dtype=bool)
    for _ in range(min(n, len(pool))):
        place = int(np.argmax(np.where(left, relevance - diversity * likeness, -np.inf)))
        chosen.append(pool[place])
        left[place] = False
        likeness = np.maximum(likeness, _similar(catalogue, int(pool[place]), pool))
    return np.array(chosen, dtype=np.int64)


def _highest(values: Floats, count: int) -> Ints:
    """Places of the highest values, the highest first, equal ones in their order."""
    if len(values) > count:
        bound = np.partition(values, len(values) - count)[len(values) - count]
        places = np.flatnonzero(values >= bound)
    else:
        places = np.arange(len(values))
    return places[np.argsort(-values[places], kind="stable")][:count]


def _similar(catalogue: Catalogue, row: int, others: Ints) -> Floats:
    """How similar others are to a merchant, 0 to 1."""
    near = np.isin(others, catalogue.neighbours[row])
    return 0.5 * (catalogue.category_codes[others] == catalogue.category_codes[row]) + 0.5 * near


def because(catalogue: Catalogue, row: int, paid: Sequence[str]) -> str | None:
    """Where the customer paid that shares most customers with a merchant; None where nowhere.

    paid: where the customer paid, the most important first.
    """
    known = {merchant: place for place, merchant in enumerate(paid)}
    near = [catalogue.ids[one] for one in catalogue.neighbours[row] if catalogue.ids[one] in known]
    return near[0] if near else None
