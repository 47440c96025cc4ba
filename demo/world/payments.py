"""Genuine payments: when, where, how much and from which device people pay."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from demo.world.config import DAY, HOUR, MINUTE, WorldConfig
from demo.world.draws import Floats, Ints, choose, cumulate, expand, habitual, stream
from demo.world.people import People
from demo.world.places import CITIES
from demo.world.shops import (
    CATEGORY,
    MEDIAN,
    ONLINE,
    SLOTS,
    SPREAD,
    Shops,
    opening_hours,
)

CARD, ONLINE_CHANNEL, TRANSFER = 0, 1, 2
CHANNELS = ("card", "online", "transfer")
NO_DEVICE = -1
DEVICES_PER_USER = 8
WEEK = np.array([0.94, 0.96, 0.98, 1.0, 1.16, 1.12, 0.88])
"""Payments of Monday to Sunday against the mean day."""
HABIT = np.array([0.52, 0.76, 0.88])
"""Cumulative chance to go to the first, second or third favourite; else anywhere."""
_SESSION, _BIG, _BURST, _SILENT = 0.10, 0.003, 0.10, 0.02


@dataclass(frozen=True)
class Payments:
    """[n] columns of payments."""

    when: Ints
    """Microseconds since 1970 UTC."""
    user: Ints
    merchant: Ints
    amount: Floats
    """KRW before rounding."""
    channel: Ints
    device: Ints
    """Number of the device; NO_DEVICE where none is known."""
    placed: NDArray[np.bool_]
    """Whether the place of the merchant was recorded."""
    kind: Ints
    """0 genuine, else a fraud pattern."""
    delay: Ints
    """Microseconds until the outcome becomes known."""

    def __len__(self) -> int:
        return len(self.when)

    def take(self, rows: Ints | NDArray[np.bool_]) -> Payments:
        """These rows only."""
        return Payments(*(getattr(self, field.name)[rows] for field in fields(self)))


def join(parts: list[Payments]) -> Payments:
    """One after the other."""
    return Payments(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Payments)
        )
    )


def pay(config: WorldConfig, shops: Shops, people: People) -> Payments:
    """Every genuine payment of the world, sorted by time."""
    draw = stream(config.seed, "payments")
    user, day = _visits(draw, config, people)
    city = _whereabouts(stream(config.seed, "trips"), config, shops, people)[user, day].astype(
        np.int64
    )
    n = len(user)
    category = choose(people.taste, user, draw.random(n))
    online = draw.random(n) < np.clip(ONLINE[category] * people.online[user], 0, 1)
    when = config.first_instant + day * DAY + _clock(draw, config, people, user, day, category)
    when = _together(draw, when, user, day)
    place = np.where(online, shops.cities, city)
    merchant = _favourite(draw, config, shops, people, user, place, category)
    channel = _channel(draw, online)
    rows = Payments(
        when=when,
        user=user,
        merchant=merchant,
        amount=_amount(draw, shops, people, user, merchant, category),
        channel=channel,
        device=_device(draw, people, user, day, channel),
        placed=(channel == CARD) & (draw.random(n) >= _SILENT),
        kind=np.zeros(n, np.int64),
        delay=delays(draw, config, n),
    )
    rows = join([rows, _small_buys(draw, config, rows.take(category == CATEGORY["gaming"]))])
    rows = rows.take(rows.when < config.end_instant)
    return rows.take(np.argsort(rows.when, kind="stable"))


def delays(draw: np.random.Generator, config: WorldConfig, n: int) -> Ints:
    """[n], microseconds until outcomes become known: log-normal, alike for fraud and not."""
    return (draw.lognormal(np.log(config.outcome_delay_days), 0.55, n) * DAY).astype(np.int64)


def _visits(draw: np.random.Generator, config: WorldConfig, people: People) -> tuple[Ints, Ints]:
    days = np.arange(config.days)
    week = WEEK[(config.start.weekday() + days) % 7]
    member = days >= people.joined[:, None]
    counts = draw.poisson(people.rate[:, None] * week * member)
    cell, _ = expand(counts.ravel())
    return cell // config.days, cell % config.days


def _whereabouts(
    draw: np.random.Generator, config: WorldConfig, shops: Shops, people: People
) -> Ints:
    """[users, days], the city of each user's day: home, or a trip of one to three days."""
    city = np.repeat(people.home.astype(np.int8)[:, None], config.days, axis=1)
    trip, _ = expand(draw.poisson(0.015 * config.days, config.users))
    first = draw.integers(0, config.days, len(trip))
    weights = np.array([place.people for place in CITIES[: shops.cities]], float)
    target = choose(cumulate(weights + 300)[None], np.zeros(len(trip), int), draw.random(len(trip)))
    length = draw.integers(1, 4, len(trip))
    for day in range(3):
        there = (length > day) & (first + day < config.days)
        city[trip[there], first[there] + day] = target[there]
    return city


def _clock(
    draw: np.random.Generator,
    config: WorldConfig,
    people: People,
    user: Ints,
    day: Ints,
    category: Ints,
) -> Ints:
    """Microseconds since local midnight."""
    weekend = (config.start.weekday() + day) % 7 >= 5
    slot = choose(opening_hours(), 2 * category + weekend, draw.random(len(user)))
    hours = (slot + draw.random(len(user))) * 24 / SLOTS + people.shift[user]
    return ((hours % 24) * HOUR).astype(np.int64)


def _together(draw: np.random.Generator, when: Ints, user: Ints, day: Ints) -> Ints:
    """Some payments follow the one before within minutes: one errand after the other."""
    follows = draw.random(len(when)) < _SESSION
    follows[1:] &= (user[1:] == user[:-1]) & (day[1:] == day[:-1])
    follows[:1] = False
    gap = (draw.exponential(9.0, len(when)) * MINUTE).astype(np.int64)
    return np.where(follows, np.roll(when, 1) + gap, when)


def _favourite(
    draw: np.random.Generator,
    config: WorldConfig,
    shops: Shops,
    people: People,
    user: Ints,
    place: Ints,
    category: Ints,
) -> Ints:
    choice = np.searchsorted(HABIT, draw.random(len(user)), side="right")
    habit = habitual(config.seed, user, place, category, choice)
    u = np.where(choice < len(HABIT), habit, draw.random(len(user)))
    return shops.pick(place, category, people.segment[user], u)


def _channel(draw: np.random.Generator, online: NDArray[np.bool_]) -> Ints:
    transfer = draw.random(len(online)) < np.where(online, 0.10, 0.02)
    return np.where(transfer, TRANSFER, np.where(online, ONLINE_CHANNEL, CARD))


def _amount(
    draw: np.random.Generator,
    shops: Shops,
    people: People,
    user: Ints,
    merchant: Ints,
    category: Ints,
) -> Floats:
    n = len(user)
    noise = SPREAD[category] * people.spread[user] * draw.normal(size=n)
    big = np.where(draw.random(n) < _BIG, draw.lognormal(1.6, 0.4, n), 1.0)
    return MEDIAN[category] * np.exp(people.level[user] + shops.price[merchant] + noise) * big


def _device(
    draw: np.random.Generator, people: People, user: Ints, day: Ints, channel: Ints
) -> Ints:
    n = len(user)
    slot = (day >= people.replaced[user]).astype(np.int64)
    slot = np.where(draw.random(n) < people.second[user], 2, slot)
    slot = np.where(draw.random(n) < 0.001, draw.integers(3, DEVICES_PER_USER, n), slot)
    without = draw.random(n) < np.where(channel == CARD, people.plastic[user], 0.03)
    return np.where(without, NO_DEVICE, user * DEVICES_PER_USER + slot)


def _small_buys(draw: np.random.Generator, config: WorldConfig, games: Payments) -> Payments:
    """Rows of small purchases in a game, minutes apart: genuine, and much like card testing."""
    repeats = np.where(draw.random(len(games)) < _BURST, draw.integers(1, 5, len(games)), 0)
    source, place = expand(repeats)
    rows, n = games.take(source), len(source)
    gap = (place + draw.uniform(0.3, 1.0, n)) * draw.uniform(1.0, 6.0, len(games))[source]
    return Payments(
        when=rows.when + (gap * MINUTE).astype(np.int64),
        user=rows.user,
        merchant=rows.merchant,
        amount=rows.amount * draw.lognormal(-0.7, 0.5, n),
        channel=rows.channel,
        device=rows.device,
        placed=rows.placed,
        kind=rows.kind,
        delay=delays(draw, config, n),
    )
