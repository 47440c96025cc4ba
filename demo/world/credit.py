"""Profiles, the bureau file, loans and how they ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.world.config import DAY, WorldConfig
from demo.world.draws import Floats, Ints, expand, stream
from demo.world.people import People

LOOK_BACK_DAYS = 360
"""How long before the first day the loans begin."""
TERMS = np.array([6, 12, 24, 36, 48, 60])
OUTCOME_DELAY_DAYS = 75.0
"""Median of the time until a loan is known to be good or bad."""
QUARTERS = (-360, -270, -180, -90, 0)
"""Days, from the first one, on which the bureau sends its file; then every 90 days."""


@dataclass(frozen=True)
class Profiles:
    """[rows] of the users table: one when a user joins, one more when the income changes."""

    user: Ints
    when: Ints
    income: Floats
    employed: Ints


@dataclass(frozen=True)
class Bureau:
    """[rows] of the bureau table, NaN where the bureau knows nothing."""

    user: Ints
    when: Ints
    score: Floats
    loans: Ints
    debt: Floats
    """Debt over annual income."""


@dataclass(frozen=True)
class Loans:
    """[applications] with their ends."""

    user: Ints
    when: Ints
    amount: Floats
    term: Ints
    defaulted: NDArray[np.bool_]
    known: Ints


def profile(config: WorldConfig, people: People) -> Profiles:
    """What users say of themselves."""
    draw, n = stream(config.seed, "profiles"), config.users
    joined = config.first_instant + people.joined * DAY
    news = np.flatnonzero(draw.random(n) < 0.1)
    latest = config.first_instant + draw.integers(0, config.days, len(news)) * DAY
    keep = latest > joined[news] + DAY
    news, latest = news[keep], latest[keep]
    months = (latest - joined[news]) // (30 * DAY)
    raised = people.income[news] * draw.lognormal(0.04, 0.12, len(news))
    return Profiles(
        user=np.concatenate([np.arange(n), news]),
        when=np.concatenate([joined, latest]),
        income=np.concatenate([people.income, np.round(raised, -5)]),
        employed=np.concatenate([people.employed, people.employed[news] + months]),
    )


def report(config: WorldConfig, people: People) -> Bureau:
    """What the bureau knows, every quarter, of everyone who has joined by then."""
    draw, n = stream(config.seed, "bureau"), config.users
    days = np.array([*QUARTERS, *range(90, config.days, 90)])
    member = people.joined[:, None] <= days
    user, quarter = np.nonzero(member)
    base = 720 - 55 * people.strain + 1.2 * (people.age - 41) + draw.normal(0, 45, n)
    score = base[user] + draw.normal(0, 12, len(user)) - 4 * people.strain[user] * quarter
    loans = draw.poisson(np.exp(0.1 + 0.35 * people.strain))[user]
    loans = loans + draw.binomial(quarter, 0.05)
    owed = 0.13 * loans * draw.lognormal(0, 0.4, len(user)) + draw.exponential(0.03, len(user))
    thin = people.age[user] < 23
    return Bureau(
        user=user,
        when=config.first_instant + days[quarter] * DAY,
        score=np.where(thin, np.nan, np.round(np.clip(score, 300, 1000))),
        loans=loans,
        debt=np.where(draw.random(len(user)) < 0.03, np.nan, np.round(owed, 3)),
    )


def lend(config: WorldConfig, people: People, bureau: Bureau) -> Loans:
    """Who asks for a loan, and whether it defaults.

    The logit of a default adds income, history (the bureau file) and behaviour (the strain that
    also shows in what people buy, when, and how much), and the burden of the loan itself.
    """
    draw = stream(config.seed, "loans")
    user, _ = expand(draw.poisson(config.loans_per_user * np.exp(0.2 * people.strain)))
    earliest = np.maximum(people.joined[user] + 1, -LOOK_BACK_DAYS)
    day = earliest + np.floor(draw.random(len(user)) * (config.days - earliest)).astype(np.int64)
    clock = np.clip(draw.normal(14.0, 3.0, len(user)), 0.5, 23.5)
    when = config.first_instant + ((day + clock / 24) * DAY).astype(np.int64)
    order = np.argsort(when, kind="stable")
    user, when = user[order], when[order]
    income = people.income[user]
    amount = np.clip(income * draw.lognormal(np.log(0.22), 0.6, len(user)), 5e5, 1.5e8)
    amount = np.round(amount, -5)
    term = TERMS[draw.integers(0, len(TERMS), len(user))]
    logit = _default_logit(people, bureau, user, amount)
    delay = draw.lognormal(np.log(OUTCOME_DELAY_DAYS), 0.4, len(user)) * DAY
    defaulted = draw.random(len(user)) < 1 / (1 + np.exp(-logit))
    return Loans(user, when, amount, term, defaulted, when + delay.astype(np.int64))


def _default_logit(people: People, bureau: Bureau, user: Ints, amount: Floats) -> Floats:
    count = np.bincount(bureau.user, minlength=len(people.home))
    debt = np.bincount(bureau.user, np.nan_to_num(bureau.debt), len(people.home))
    debt = debt / np.maximum(count, 1)
    poverty = np.log(4e7 / people.income[user])
    burden = np.log(amount / people.income[user] / 0.22)
    return (
        -2.5
        + 0.8 * people.strain[user]
        + 0.8 * poverty
        + 0.5 * burden
        + 1.2 * (debt[user] - 0.2)
        - 0.15 * np.log1p(people.employed[user] / 12)
    )
