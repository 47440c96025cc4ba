"""The users: home, income, rhythm, taste, devices, and how they handle money."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.world.config import WorldConfig
from demo.world.draws import Floats, Ints, choose, cumulate, stream
from demo.world.places import CITIES
from demo.world.shops import CATEGORY, SEGMENTS, SHARE, Shops

EDUCATION = ("secondary", "college", "bachelor", "graduate")
NEWCOMERS = 0.10
"""Share of users who join while the world runs."""


@dataclass(frozen=True)
class People:
    """[users] columns of traits; most of them are never seen, only what they lead to."""

    home: Ints
    joined: Ints
    """Day of the first profile, counted from the first day of the world; negative: before it."""
    age: Ints
    education: Ints
    income: Floats
    """KRW per year."""
    employed: Ints
    """Months in employment."""
    strain: Floats
    """Financial strain, standard normal: seen in habits, in the bureau file and in defaults."""
    rate: Floats
    """Payments per day."""
    level: Floats
    """Logarithm of the usual amount against the usual amount of a category."""
    spread: Floats
    """Factor on the spread of the logarithm of amounts."""
    shift: Floats
    """Hours by which the day runs later than usual."""
    online: Floats
    """Factor on the share of online payments."""
    plastic: Floats
    """Share of payments in shops with the card alone, which has no device."""
    replaced: Ints
    """Day on which the phone is replaced; beyond the last day for most."""
    second: Floats
    """Share of payments from a second device."""
    segment: Ints
    taste: Floats
    """[users, categories], cumulative."""


def settle(config: WorldConfig, shops: Shops) -> People:
    """Let people move in."""
    draw, n = stream(config.seed, "people"), config.users
    weights = np.array([city.people for city in CITIES[: shops.cities]], float)
    home = choose(cumulate(weights)[None], np.zeros(n, int), draw.random(n))
    strain, age = draw.normal(size=n), np.clip(draw.normal(41, 13, n), 19, 85).astype(np.int64)
    education = choose(
        cumulate(np.array([[0.30, 0.20, 0.38, 0.12]])), np.zeros(n, int), draw.random(n)
    )
    earning = 17.45 + 0.14 * education - 0.0006 * (age - 48.0) ** 2 - 0.12 * strain
    income = np.exp(earning + draw.normal(0, 0.38, n))
    segment = draw.integers(0, SEGMENTS, n)
    return People(
        home=home,
        joined=_joined(draw, config),
        age=age,
        education=education,
        income=np.round(income, -5),
        employed=(draw.beta(1.2, 2.5, n) * (age - 18) * 12 * np.exp(-0.1 * strain)).astype(int),
        strain=strain,
        rate=config.payments_per_day * draw.gamma(3.0, 1 / 3.0, n) * np.exp(0.08 * strain),
        level=0.35 * np.log(income / 4e7) + 0.10 * strain + draw.normal(0, 0.3, n),
        spread=draw.uniform(0.8, 1.25, n),
        shift=draw.normal(0, 0.8, n) + 0.5 * np.maximum(strain, 0) - 0.02 * (age - 41),
        online=draw.lognormal(0, 0.4, n),
        plastic=draw.beta(0.7, 3.5, n),
        replaced=draw.geometric(1 / 500, n),
        second=np.where(draw.random(n) < 0.4, draw.uniform(0.05, 0.3, n), 0.0),
        segment=segment,
        taste=_taste(draw, strain, segment),
    )


def _joined(draw: np.random.Generator, config: WorldConfig) -> Ints:
    """Most joined on the first of a month long ago, some while the world runs."""
    months_ago = draw.integers(7, 25, config.users)
    within = (draw.random(config.users) * config.days * 0.9).astype(np.int64)
    newcomer = draw.random(config.users) < NEWCOMERS
    return np.where(newcomer, within, -30 * months_ago)


def _taste(draw: np.random.Generator, strain: Floats, segment: Ints) -> Floats:
    leaning = draw.normal(0, 0.5, (SEGMENTS, len(SHARE)))[segment]
    leaning = leaning + draw.normal(0, 0.4, (len(strain), len(SHARE)))
    leaning[:, CATEGORY["gaming"]] += 0.4 * strain
    leaning[:, CATEGORY["education"]] -= 0.2 * strain
    return cumulate(SHARE * np.exp(leaning))
