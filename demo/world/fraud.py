"""Fraud: four patterns that are always there, and a fifth that comes with the drift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demo.world.config import DAY, WorldConfig
from demo.world.draws import Floats, stream
from demo.world.episodes import COMPROMISED, KINDS, RELAY, Scene
from demo.world.patterns import relay, steal, take_over, test_cards
from demo.world.payments import Payments, join
from demo.world.people import People
from demo.world.shops import Shops

STOLEN_SHARE, COMPROMISED_SHARE, TAKEOVER_SHARE, TESTING_SHARE = 0.30, 0.28, 0.22, 0.20
"""Share of each pattern in the fraudulent payments."""
EVERY_DAYS = 10
"""Every how many days, at least, another merchant is compromised."""
MOST_OF_A_MERCHANT = 0.6
"""Largest share of a compromised merchant's payments that are fraud."""


def commit(config: WorldConfig, shops: Shops, people: People, genuine: Payments) -> Payments:
    """The payments of the world, genuine and fraudulent, sorted by time."""
    scene = Scene(config, shops, people, genuine)
    budget = config.fraud_share * len(genuine)
    drifted = int(np.searchsorted(genuine.when, config.drift_instant))
    parts = [
        compromise(scene, COMPROMISED_SHARE * budget),
        steal(scene, STOLEN_SHARE * budget),
        take_over(scene, TAKEOVER_SHARE * budget),
        test_cards(scene, TESTING_SHARE * budget),
    ]
    if drifted < len(genuine):
        more = config.drift_fraud_share * (len(genuine) - drifted)
        parts.append(relay(scene, more, drifted))
    rows = join(parts)
    rows = _raise_prices(config, rows.take(rows.when < config.end_instant))
    return rows.take(np.argsort(rows.when, kind="stable"))


def compromise(scene: Scene, budget: float) -> Payments:
    """Merchants whose terminal copies cards: for some weeks, part of what is paid there is fraud.

    All genuine payments, some of them turned into fraud with somewhat higher amounts.
    """
    draw, genuine = stream(scene.config.seed, KINDS[COMPROMISED]), scene.genuine
    first, length = _weeks(scene, draw, budget)
    since = genuine.when - first[genuine.merchant]
    rows = np.flatnonzero((since >= 0) & (since < length[genuine.merchant]))
    lots = np.bincount(genuine.merchant[rows], minlength=len(first))
    hit = np.count_nonzero(length)
    chance = np.minimum(MOST_OF_A_MERCHANT, budget / hit / np.maximum(lots, 1))
    rows = rows[draw.random(len(rows)) < chance[genuine.merchant[rows]]]
    kind, amount = genuine.kind.copy(), genuine.amount.copy()
    kind[rows] = COMPROMISED
    amount[rows] *= draw.lognormal(0.7, 0.3, len(rows))
    return replace(genuine, kind=kind, amount=amount)


def _weeks(scene: Scene, draw: np.random.Generator, budget: float) -> tuple[Floats, Floats]:
    """[merchants], when each begins to copy cards (infinity: never) and for how long (0: never).

    As many merchants as it takes to spend the budget, of middling size, spread over the time.
    """
    config, days = scene.config, float(scene.config.days)
    visits = np.bincount(scene.genuine.merchant, minlength=config.merchants)
    span = np.minimum(draw.uniform(14, 29, config.merchants), 0.6 * days)
    least, usual, most = np.quantile(visits, (0.3, 0.5, 0.7))
    needed = budget / (0.4 * max(1.0, usual * span.mean() / days))
    number = int(np.clip(max(days // EVERY_DAYS, needed), 1, config.merchants // 8))
    chosen = draw.permutation(np.flatnonzero((visits >= least) & (visits <= most)))[:number]
    middle = (np.arange(len(chosen)) + draw.random(len(chosen))) / len(chosen) * days
    first, length = np.full(config.merchants, np.inf), np.zeros(config.merchants)
    begin = np.clip(middle - span[chosen] / 2, 0, days - span[chosen])
    first[chosen] = config.first_instant + begin * DAY
    length[chosen] = span[chosen] * DAY
    return first, length


def _raise_prices(config: WorldConfig, rows: Payments) -> Payments:
    """Dearer from the drift on; the PIN limit, and what hides below it, stays."""
    risen = (rows.when >= config.drift_instant) & (rows.kind != RELAY)
    return replace(rows, amount=rows.amount * np.where(risen, 1 + config.price_rise, 1.0))
