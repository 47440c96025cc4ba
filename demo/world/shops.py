"""The merchants: category, place, popularity, prices, and who likes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from demo.world.config import WorldConfig
from demo.world.draws import Floats, Ints, choose, cumulate, stream
from demo.world.places import CITIES

SEGMENTS = 6
"""Groups of users who like the same merchants."""
ONLINE_SHARE = 0.22
SCATTER_DEGREES = 0.04
"""Standard deviation of a place around the middle of its city, about 4 km."""
SLOTS = 96
"""Quarters of an hour in a day."""


class Category(NamedTuple):
    """What a merchant sells and how people buy it."""

    name: str
    share: float
    """Share of payments."""
    median: float
    """Usual amount, KRW."""
    spread: float
    """Standard deviation of the logarithm of the amount."""
    online: float
    """Share of payments that are made online."""
    peaks: tuple[tuple[float, float], ...]
    """Local hours around which people buy, with their width in hours."""


CATEGORIES = (
    Category("grocery", 0.16, 28_000, 0.70, 0.20, ((11, 2.5), (18, 2.0))),
    Category("restaurant", 0.17, 15_000, 0.50, 0.12, ((12.3, 0.9), (18.8, 1.5))),
    Category("cafe", 0.13, 6_500, 0.35, 0.03, ((8.5, 1.0), (13.2, 1.5), (16, 2.0))),
    Category("convenience", 0.16, 5_200, 0.60, 0.03, ((8, 2.0), (13, 3.0), (21, 2.5))),
    Category("transport", 0.13, 2_400, 0.60, 0.15, ((8.2, 0.9), (18.4, 1.3))),
    Category("fuel", 0.03, 60_000, 0.30, 0.03, ((8, 2.0), (18, 3.0))),
    Category("fashion", 0.05, 48_000, 0.70, 0.60, ((14, 3.0), (20, 2.5))),
    Category("electronics", 0.025, 120_000, 0.90, 0.60, ((14, 3.0), (20, 2.5))),
    Category("health", 0.04, 14_000, 0.70, 0.08, ((10.5, 1.5), (16, 2.0))),
    Category("beauty", 0.025, 30_000, 0.60, 0.45, ((13, 3.0), (20, 2.5))),
    Category("entertainment", 0.035, 18_000, 0.50, 0.50, ((15, 3.0), (20, 2.0))),
    Category("gaming", 0.025, 6_000, 1.00, 1.00, ((21.5, 2.5),)),
    Category("travel", 0.01, 150_000, 0.80, 0.70, ((11, 3.0), (21, 2.0))),
    Category("education", 0.02, 80_000, 0.70, 0.40, ((10, 2.0), (15, 2.5))),
    Category("household", 0.03, 35_000, 0.80, 0.50, ((11, 2.5), (20, 2.5))),
)
CATEGORY = {category.name: index for index, category in enumerate(CATEGORIES)}
MEDIAN = np.array([category.median for category in CATEGORIES])
SPREAD = np.array([category.spread for category in CATEGORIES])
ONLINE = np.array([category.online for category in CATEGORIES])
SHARE = np.array([category.share for category in CATEGORIES])
_BRANDS = (
    "Haneul", "Baram", "Byeol", "Sonamu", "Areum", "Nuri", "Dasom", "Maru", "Onnuri", "Saebyeok",
    "Hanbit", "Garam", "Miso", "Sarang", "Bada", "Namu", "Dallim", "Joeun", "Singsing", "Hangang",
)  # fmt: skip


@dataclass(frozen=True)
class Shops:
    """[merchants] columns, and the merchants of each place and category as ranges of `order`."""

    cities: int
    category: Ints
    city: Ints
    """City of each merchant; `cities` stands for online."""
    latitude: Floats
    longitude: Floats
    """Degrees; NaN online."""
    price: Floats
    """Logarithm of the price level."""
    order: Ints
    """Merchants sorted by place and category."""
    first: Ints
    last: Ints
    """[(cities + 1) × categories], range in `order`; the whole place where a group is empty."""
    liking: Floats
    """[segments, merchants + 1], cumulative popularity along `order`."""

    def pick(self, city: Ints, category: Ints, segment: Ints, u: Floats) -> Ints:
        """[n], the merchant that each u in [0, 1) picks in a place, by category and segment."""
        group = city * len(CATEGORIES) + category
        width = self.liking.shape[1]
        low = self.liking[segment, self.first[group]]
        high = self.liking[segment, self.last[group]]
        stacked = (self.liking[:, 1:] + np.arange(SEGMENTS)[:, None]).ravel()
        found = np.searchsorted(stacked, segment + low + u * (high - low), side="right")
        rank = np.clip(found - segment * (width - 1), self.first[group], self.last[group] - 1)
        return self.order[rank]


def open_shops(config: WorldConfig) -> Shops:
    """Found the merchants of a company."""
    draw, n = stream(config.seed, "shops"), config.merchants
    cities = int(np.clip(n // 25, 2, len(CITIES)))
    people = np.array([city.people for city in CITIES[:cities]], float)
    place = choose(cumulate(people + people.mean())[None], np.zeros(n, int), draw.random(n))
    place[: 2 * cities] = np.arange(min(2 * cities, n)) % cities  # no city without a merchant
    place[n - max(2, round(ONLINE_SHARE * n)) :] = cities
    place = draw.permutation(place)  # the id of a merchant tells nothing about it
    weights = cumulate(np.stack([SHARE * (1 - ONLINE) + 0.004, SHARE * ONLINE + 0.004]))
    category = choose(weights, (place == cities).astype(int), draw.random(n))
    middle = np.array([(city.latitude, city.longitude) for city in CITIES[:cities]])
    middle = np.vstack([middle, [np.nan, np.nan]])[place]
    spot = np.round(middle + draw.normal(0, SCATTER_DEGREES, (n, 2)), 5)
    order = np.lexsort((np.arange(n), category, place))
    first, last = _ranges(place[order], category[order], cities)
    popularity = draw.normal(0, 0.9, n) + draw.normal(0, 0.8, (SEGMENTS, n))
    return Shops(
        cities=cities,
        category=category,
        city=place,
        latitude=spot[:, 0],
        longitude=spot[:, 1],
        price=draw.normal(0, 0.3, n),
        order=order,
        first=first,
        last=last,
        liking=np.pad(cumulate(np.exp(popularity[:, order])), ((0, 0), (1, 0))),
    )


def _ranges(place: Ints, category: Ints, cities: int) -> tuple[Ints, Ints]:
    kinds = len(CATEGORIES)
    groups = np.arange((cities + 1) * kinds)
    group = place * kinds + category
    first, last = (np.searchsorted(group, groups, side) for side in ("left", "right"))
    whole_first, whole_last = (
        np.searchsorted(place, groups // kinds, side) for side in ("left", "right")
    )
    empty = first == last
    return np.where(empty, whole_first, first), np.where(empty, whole_last, last)


def names(shops: Shops) -> list[str]:
    """[merchants], names shown to people."""
    places = [city.name for city in CITIES[: shops.cities]] + ["Online"]
    return [
        f"{_BRANDS[index % len(_BRANDS)]} {CATEGORIES[category].name.title()} {places[city]}"
        for index, (category, city) in enumerate(
            zip(shops.category.tolist(), shops.city.tolist(), strict=True)
        )
    ]


def opening_hours() -> Floats:
    """[categories × 2, SLOTS], cumulative share of payments over a weekday and a weekend day."""
    hours = (np.arange(SLOTS) + 0.5) * 24 / SLOTS
    rows = []
    for category in CATEGORIES:
        for later in (0.0, 1.5):  # people get up later on weekends
            waking = 0.02 + np.where((hours > 8 + later / 2) & (hours < 23), 0.25, 0.0)
            peaks = [
                np.exp(-0.5 * ((hours - peak - later / 2) / (width + later / 3)) ** 2) / width
                for peak, width in category.peaks
            ]
            rows.append(0.3 * waking + np.sum(peaks, axis=0))
    return cumulate(np.array(rows))
