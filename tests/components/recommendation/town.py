"""Customers of two tastes, small enough to learn from in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from components.recommendation.leave_one_out import HeldOut, hold_out
from components.recommendation.ncf import Ncf, NcfConfig
from components.recommendation.pairs import Float32, Pairs

USERS, ITEMS, TASTES = 240, 120, 4
HALF_LIFE = 60.0
"""Days."""


@dataclass(frozen=True)
class Town:
    """Merchants of four kinds; each customer goes to those of one kind, seldom to others."""

    pairs: Pairs
    content: Float32
    """The kind of each merchant, one column each."""
    new: int
    """A merchant at which nobody has paid, of the first kind."""


@cache
def make_town() -> Town:
    """The town, made once."""
    draw = np.random.default_rng(5)
    kind = np.arange(ITEMS) % TASTES
    new = 0
    user, item = [], []
    for customer in range(USERS):
        mine = np.flatnonzero((kind == customer % TASTES) & (np.arange(ITEMS) != new))
        others = np.flatnonzero((kind != customer % TASTES) & (np.arange(ITEMS) != new))
        item += [*draw.choice(mine, 10, replace=False), *draw.choice(others, 2, replace=False)]
        user += [customer] * 12
    mixed = draw.permutation(len(user))
    user, item = np.array(user)[mixed], np.array(item)[mixed]
    day = draw.random(len(user)) * 90
    pairs = Pairs.of(user, item, users=USERS, items=ITEMS, day=day)
    return Town(pairs, np.eye(TASTES, dtype=np.float32)[kind], new)


SMALL = NcfConfig(
    factors=8, layers=(16, 8), history=6, negatives=8, group=8, batch=256, epochs=12,
    learning_rate=1e-2, drop_item=0.3, half_life_days=HALF_LIFE,
)  # fmt: skip


@cache
def held_out_of_town() -> tuple[Pairs, HeldOut]:
    """What is learnt from, and the newest pair of each customer."""
    return hold_out(make_town().pairs, SMALL.history, SMALL.half_life_days)


@cache
def fit_to_town() -> Ncf:
    """The model of the town, trained once in a process."""
    known, held_out = held_out_of_town()
    return Ncf.fit(SMALL, known, make_town().content, held_out=held_out)
