"""Episodes of fraud: who is hit, and how the payments of one episode hang together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.world.config import DAY, HOUR, WorldConfig
from demo.world.draws import Floats, Ints, choose, cumulate, expand, stream
from demo.world.payments import CARD, DEVICES_PER_USER, ONLINE_CHANNEL, Payments, delays
from demo.world.people import People
from demo.world.shops import CATEGORY, MEDIAN, SPREAD, Shops, opening_hours

KINDS = (
    "genuine",
    "stolen-card",
    "compromised-merchant",
    "account-takeover",
    "card-testing",
    "contactless-relay",
)
STOLEN, COMPROMISED, TAKEOVER, TESTING, RELAY = range(1, 6)
Length = Callable[[np.random.Generator, int], Ints]


@dataclass(frozen=True)
class Scene:
    """The world before anyone commits fraud."""

    config: WorldConfig
    shops: Shops
    people: People
    genuine: Payments


@dataclass(frozen=True)
class Episodes:
    """Episodes of one kind and their payments: [episodes] and [n] columns."""

    scene: Scene
    kind: int
    draw: np.random.Generator
    victim: Ints
    """[episodes], the genuine payment after which each begins."""
    episode: Ints
    """[n], which episode a payment belongs to."""
    step: Ints
    """[n], its place in the episode."""

    def __len__(self) -> int:
        return len(self.episode)

    @property
    def count(self) -> int:
        """Number of episodes."""
        return len(self.victim)

    @property
    def user(self) -> Ints:
        """[episodes], who is hit."""
        return self.scene.genuine.user[self.victim]

    @property
    def last(self) -> NDArray[np.bool_]:
        """[n], whether a payment ends its episode."""
        return np.append(self.episode[1:] != self.episode[:-1], True)

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """[episodes] → [n], the same value for all payments of an episode."""
        return values[self.episode]

    def running(self, gaps: Floats) -> Floats:
        """[n], gaps summed up within each episode."""
        total = np.cumsum(gaps)
        return total - self.spread((total - gaps)[np.flatnonzero(self.step == 0)])

    def after(self, hours: Floats, minutes: Floats) -> Ints:
        """[n], instants: hours [episodes] after the victim's payment, then minutes [n] later."""
        begin = self.scene.genuine.when[self.victim] + (hours * HOUR).astype(np.int64)
        return self.spread(begin) + (minutes * HOUR / 60).astype(np.int64)

    def at(self, day: Ints, hour: Floats) -> Ints:
        """[n], instants: days after the victim's payment, at a local hour."""
        when = self.scene.genuine.when[self.victim]
        midnight = when - (when - self.scene.config.first_instant) % DAY
        return self.spread(midnight) + day * DAY + (hour * HOUR).astype(np.int64)

    def shopping_hour(self, category: Ints) -> Floats:
        """[n], local hours at which anyone would buy such things."""
        slot = choose(opening_hours(), 2 * category, self.draw.random(len(self)))
        return (slot + self.draw.random(len(self))) / 4

    def foreign_device(self) -> Ints:
        """[n], one device of the criminals per episode, beyond all numbers of users' devices."""
        base = (self.scene.config.users + 1) * DEVICES_PER_USER + self.kind * 2**34
        return base + self.episode

    def own_device(self) -> Ints:
        """[n], the device with which the victim paid last."""
        return self.spread(self.scene.genuine.device[self.victim])

    def categories(self, weights: dict[str, float]) -> Ints:
        """[n], what is bought."""
        chances = np.zeros((1, len(CATEGORY)))
        for name, weight in weights.items():
            chances[0, CATEGORY[name]] = weight
        row = np.zeros(len(self), np.int64)
        return choose(cumulate(chances), row, self.draw.random(len(self)))

    def usual(self, category: Ints) -> Floats:
        """[n], KRW that the victims themselves would pay for such things."""
        noise = 0.8 * SPREAD[category] * self.draw.normal(size=len(self))
        return MEDIAN[category] * np.exp(self.spread(self.scene.people.level[self.user]) + noise)

    def payments(
        self,
        *,
        when: Ints,
        place: Ints,
        category: Ints,
        amount: Floats,
        device: Ints,
        online: NDArray[np.bool_],
    ) -> Payments:
        """The episodes as payments; all arguments [n], `place` a city, ignored online."""
        scene, n = self.scene, len(self)
        segment = self.spread(scene.people.segment[self.user])
        place = np.where(online, scene.shops.cities, place)
        return Payments(
            when=when,
            user=self.spread(self.user),
            merchant=scene.shops.pick(place, category, segment, self.draw.random(n)),
            amount=amount,
            channel=np.where(online, ONLINE_CHANNEL, CARD),
            device=device,
            placed=~online & (self.draw.random(n) >= 0.02),
            kind=np.full(n, self.kind),
            delay=delays(self.draw, scene.config, n),
        )


def plan(scene: Scene, kind: int, budget: float, length: Length, first: int = 0) -> Episodes:
    """As many episodes as `budget` payments make, at least one.

    Each begins after a genuine payment drawn at random, not before the `first`, so that fraud
    follows the rhythm of the customers; `length` draws the payments of each episode.
    """
    mean = length(stream(scene.config.seed, f"{KINDS[kind]} length"), 1_000).mean()
    draw, number = stream(scene.config.seed, KINDS[kind]), max(1, round(budget / float(mean)))
    victim = draw.integers(first, len(scene.genuine), number)
    return Episodes(scene, kind, draw, victim, *expand(length(draw, number)))
