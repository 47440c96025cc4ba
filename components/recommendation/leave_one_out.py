"""One later choice of each customer, ranked among merchants that they never chose.

HR@10 is the share of customers whose choice is among the first ten, NDCG@10 the mean of
1 / log2(1 + rank) where it is. A merchant with the same score is ranked before the choice.
He et al., "Neural Collaborative Filtering", 2017, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.recommendation.pairs import History, Pairs

AT = 10
NEGATIVES = 99
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HeldOut:
    """Later choices, each with merchants that the customer never chose."""

    history: History
    """What was known of each customer before."""
    items: npt.NDArray[np.int32]
    """[n, 1 + negatives], what was chosen first."""

    @property
    def users(self) -> npt.NDArray[np.int32]:
        """Their numbers [n]; `ValueError` where the history names nobody."""
        if self.history.user is None:
            raise ValueError("the history of held-out choices names no customers")
        return self.history.user


def ranks(scores: npt.NDArray[np.floating]) -> Ints:
    """The rank [n] from 1 of the first column among all columns; a tie or NaN counts against it."""
    return (~(scores[:, 1:] < scores[:, :1])).sum(axis=1) + 1


def hit(rank: Ints) -> Floats:
    """1 where the choice is among the first ten."""
    return (rank <= AT).astype(float)


def ndcg(rank: Ints) -> Floats:
    """Gain of each choice, in [0, 1]."""
    return np.where(rank <= AT, 1 / np.log2(rank + 1.0), 0.0)


def interval(values: Floats, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Bounds of the mean over customers with 95 % confidence, by bootstrap."""
    draw = np.random.default_rng(seed)
    means = [values[draw.integers(0, len(values), len(values))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def hold_out(
    pairs: Pairs, length: int, half_life: float | None, seed: int = 0
) -> tuple[Pairs, HeldOut]:
    """Pairs without the newest one of each customer, and those ranked among 99 others.

    A customer with one pair only keeps it. Merchants that no one else chose are held out as well,
    as they will be in life.
    """
    last = pairs.last()
    known, user, item = pairs.take(~last), pairs.user[last], pairs.item[last]
    others = never_chosen(pairs, user, NEGATIVES, np.random.default_rng(seed))
    told = known.histories(user, length, half_life)
    return known, HeldOut(told, np.concatenate([item[:, None], others], axis=1))


def never_chosen(
    pairs: Pairs, users: npt.NDArray[np.int32], count: int, draw: np.random.Generator
) -> npt.NDArray[np.int32]:
    """[n, count] different merchants that each customer never chose; fewer where there are fewer.

    Every row has the same length: that of the customer with the fewest left.
    """
    most = int(np.diff(pairs.start).max(initial=0))
    count = min(count, pairs.items - most)
    found = np.empty((len(users), count), dtype=np.int32)
    for row, user in enumerate(users):
        chosen = pairs.item[pairs.start[user] : pairs.start[user + 1]]
        found[row] = _drawn(pairs.items, chosen, count, draw)
    return found


def _drawn(
    items: int, chosen: npt.NDArray[np.int32], count: int, draw: np.random.Generator
) -> npt.NDArray[np.int64]:
    """`count` different numbers below `items` that are not `chosen`."""
    if (count + len(chosen)) * 4 > items:  # so few are left that throwing away would take long
        rest = np.setdiff1d(np.arange(items), chosen)
        return draw.choice(rest, count, replace=False)
    found: list[int] = []
    taken = set(chosen.tolist())
    while len(found) < count:
        for one in draw.integers(0, items, count).tolist():
            if one not in taken and len(found) < count:
                taken.add(one)
                found.append(one)
    return np.array(found)
