"""The patterns of fraud that add payments of their own."""

from __future__ import annotations

import numpy as np

from demo.world.draws import choose, cumulate
from demo.world.episodes import RELAY, STOLEN, TAKEOVER, TESTING, Scene, plan
from demo.world.payments import NO_DEVICE, Payments
from demo.world.places import distances

FAR_KM = 100.0
"""How far from home, at least, a stolen card turns up."""
FACTOR = 5.0
"""By how much the amounts of a taken-over account exceed the usual ones."""
PIN_LIMIT = 50_000
"""KRW below which a contactless payment asks for no PIN."""


def steal(scene: Scene, budget: float) -> Payments:
    """A stolen card: a burst, far from home, mostly from a device never seen."""
    them = plan(scene, STOLEN, budget, lambda draw, n: 3 + draw.poisson(2.5, n))
    draw, n = them.draw, len(them)
    far = distances(scene.shops.cities)[scene.people.home[them.user]] > FAR_KM
    target = choose(cumulate(far * 1.0), np.arange(them.count), draw.random(them.count))
    online = draw.random(n) < 0.3
    alone = them.spread(draw.random(them.count) < 0.3)  # the card without a phone
    category = them.categories(
        {"electronics": 3, "fashion": 3, "convenience": 2, "grocery": 2, "beauty": 1, "fuel": 1}
    )
    return them.payments(
        when=them.after(
            draw.uniform(0.3, 2.5, them.count), them.running(draw.exponential(22.0, n))
        ),
        place=them.spread(target),
        category=category,
        amount=them.usual(category) * draw.lognormal(0.3, 0.4, n),
        device=np.where(alone & ~online, NO_DEVICE, them.foreign_device()),
        online=online,
    )


def take_over(scene: Scene, budget: float) -> Payments:
    """An account taken over: for some days, amounts about five times the usual ones."""
    them = plan(scene, TAKEOVER, budget, lambda draw, n: 4 + draw.poisson(5.0, n))
    draw, n = them.draw, len(them)
    longest = int(np.clip(scene.config.days // 3, 2, 6))
    days = them.spread(draw.integers(2, longest + 1, them.count))
    category = them.categories(
        {"fashion": 3, "electronics": 2, "grocery": 2, "household": 3, "beauty": 2}
    )
    foreign = them.spread(draw.random(them.count) < 0.6)
    return them.payments(
        when=them.at(
            1 + np.floor(draw.random(n) * days).astype(np.int64), them.shopping_hour(category)
        ),
        place=them.spread(scene.people.home[them.user]),
        category=category,
        amount=FACTOR * them.usual(category) * draw.lognormal(0, 0.25, n),
        device=np.where(foreign, them.foreign_device(), them.own_device()),
        online=draw.random(n) < 0.75,
    )


def test_cards(scene: Scene, budget: float) -> Payments:
    """Small payments that test a card, minutes apart, and then a large one."""
    them = plan(scene, TESTING, budget, lambda draw, n: 3 + draw.poisson(1.5, n))
    draw, n, large = them.draw, len(them), them.last
    small = them.categories({"gaming": 3, "entertainment": 2, "transport": 2})
    dear = them.categories({"electronics": 3, "travel": 1, "fashion": 2})
    category = np.where(large, dear, small)
    gaps = np.where(large, draw.uniform(15, 150, n), draw.exponential(8.0, n))
    pennies = np.exp(draw.uniform(np.log(100), np.log(3_000), n))
    device = them.spread(draw.random(them.count))
    return them.payments(
        when=them.after(draw.uniform(0.2, 2.5, them.count), them.running(gaps)),
        place=np.full(n, scene.shops.cities),
        category=category,
        amount=np.where(large, them.usual(category) * draw.lognormal(0.8, 0.4, n), pennies),
        device=np.select(
            [device < 0.5, device < 0.8],
            [them.foreign_device(), them.own_device()],
            NO_DEVICE,
        ),
        online=np.ones(n, bool),
    )


def relay(scene: Scene, budget: float, first: int) -> Payments:
    """The pattern of the drift: contactless payments at night, just below the PIN limit.

    The device is the victim's own, the place is near home and the amounts are ordinary, so that
    nothing shows of what gave away the older patterns. It begins after the `first` payment.
    """
    them = plan(scene, RELAY, budget, lambda draw, n: 4 + draw.poisson(4.0, n), first)
    draw, n = them.draw, len(them)
    category = them.categories({"convenience": 4, "restaurant": 3, "fuel": 1, "entertainment": 2})
    return them.payments(
        when=them.at(draw.integers(0, 4, n), np.clip(draw.normal(24.0, 1.6, n), 20.5, 28.0)),
        place=them.spread(scene.people.home[them.user]),
        category=category,
        amount=PIN_LIMIT - np.minimum(draw.exponential(2_500, n) + 10, 12_000),
        device=them.own_device(),
        online=np.zeros(n, bool),
    )
