"""Who chose what, and when: what a recommender learns from, and what it is told of a customer.

Customers and merchants are numbers from 0 here; who they are is the caller's to know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Ints = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]
NOBODY = -1
"""Number of a customer or merchant that is not there."""


@dataclass(frozen=True)
class History:
    """What is known of n customers: the k merchants that they chose last, the newest first."""

    item: Ints
    """[n, k]; `NOBODY` fills up a short history."""
    weight: Float32
    """[n, k] how much each of them says; only the ratios within a row count."""
    user: Ints | None = None
    """[n] their own numbers, `NOBODY` for new ones; new all of them where None."""

    def __len__(self) -> int:
        return len(self.item)

    def take(self, rows: slice | npt.NDArray[np.integer]) -> History:
        """Those rows, in that order."""
        user = None if self.user is None else self.user[rows]
        return History(self.item[rows], self.weight[rows], user)


@dataclass(frozen=True)
class Pairs:
    """Each merchant that a customer chose, once: by customer, then by when they first did."""

    user: Ints
    item: Ints
    weight: Float32
    """How sure the interest is: ln(1 + times) unless the caller knows better."""
    day: Float32
    """When, in days; all 0 where the order is not known."""
    users: int
    items: int
    ordered: bool
    """Whether `day` says anything."""

    @classmethod
    def of(
        cls,
        user: npt.ArrayLike,
        item: npt.ArrayLike,
        *,
        users: int,
        items: int,
        day: npt.ArrayLike | None = None,
        weight: npt.ArrayLike | None = None,
    ) -> Pairs:
        """Pairs from rows in any order; a pair that comes again counts, and keeps its first day.

        user, item: [m] numbers below `users` and `items`. day: [m] of any origin. weight: [m],
        added up over a pair's rows.
        """
        who, what = np.asarray(user, np.int64), np.asarray(item, np.int64)
        when = np.zeros(len(who)) if day is None else np.asarray(day, float)
        # stable: the order of the file decides a tie in time, and nothing where there is no time
        order = np.lexsort((what, who) if day is None else (when, who))
        who, what, when = who[order], what[order], when[order]
        _, first, again, times = np.unique(
            who * items + what, return_index=True, return_inverse=True, return_counts=True
        )
        says = np.log1p(times)
        if weight is not None:
            says = np.bincount(again, np.asarray(weight, float)[order])
        back = np.argsort(first)
        kept = first[back]
        since = when[kept] - (when.min() if len(when) else 0.0)
        return cls(
            who[kept].astype(np.int32),
            what[kept].astype(np.int32),
            says[back].astype(np.float32),
            since.astype(np.float32),
            users,
            items,
            day is not None,
        )

    def __len__(self) -> int:
        return len(self.user)

    @cached_property
    def start(self) -> Ints:
        """[users + 1] where the pairs of each customer begin."""
        return np.searchsorted(self.user, np.arange(self.users + 1)).astype(np.int32)

    @cached_property
    def popularity(self) -> npt.NDArray[np.int64]:
        """[items] customers of each merchant."""
        return np.bincount(self.item, minlength=self.items)

    @cached_property
    def keys(self) -> npt.NDArray[np.int64]:
        """[n] user · items + item, sorted."""
        return np.sort(self.user.astype(np.int64) * self.items + self.item)

    def matrix(self) -> csr_matrix:
        """[users, items] ones, float32."""
        from scipy.sparse import csr_matrix

        ones = np.ones(len(self), np.float32)
        return csr_matrix((ones, (self.user, self.item)), (self.users, self.items))

    def take(self, rows: npt.NDArray[np.bool_]) -> Pairs:
        """The pairs that are marked; the same customers and merchants."""
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            weight=self.weight[rows],
            day=self.day[rows],
        )

    def last(self) -> npt.NDArray[np.bool_]:
        """Marks the newest pair of each customer who has others, the last of the file in a tie.

        Where the order is not known, one that depends on nothing but the customer's number.
        """
        many = np.flatnonzero(np.diff(self.start) > 1)
        at = self.start[many + 1] - 1
        if not self.ordered:
            drawn = np.random.default_rng(0).random(self.users)[many]
            at = self.start[many] + (drawn * np.diff(self.start)[many]).astype(np.int32)
        marked = np.zeros(len(self), dtype=bool)
        marked[at] = True
        return marked

    def histories(self, users: npt.ArrayLike, length: int, half_life: float | None) -> History:
        """The newest `length` merchants of customers, weighed down by age at their newest one."""
        who = np.asarray(users, np.int32)
        if not len(self):
            empty = np.zeros((len(who), length), np.float32)
            return History(np.full(empty.shape, NOBODY, np.int32), empty, who)
        at = self.start[who + 1][:, None] - 1 - np.arange(length)
        there = at >= self.start[who][:, None]
        at = np.where(there, at, 0)
        age = self.day[at[:, :1]] - self.day[at]
        faded = fade(age, half_life) * self.weight[at]
        item = np.where(there, self.item[at], NOBODY).astype(np.int32)
        return History(item, np.where(there, faded, 0).astype(np.float32), who)


def fade(age: npt.NDArray[np.floating], half_life: float | None) -> npt.NDArray[np.floating]:
    """What is left after so many days; everything where there is no half-life."""
    return np.ones_like(age) if half_life is None else np.exp2(-np.maximum(age, 0) / half_life)
