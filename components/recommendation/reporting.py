"""What the card of a recommender says beside its metrics: who is served how well, and by what.

Every list is judged on the same customers of the test window; gains are NDCG@10 as in `quality`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from components.common.artifact import Scorer
from components.common.evaluation import scored
from components.common.model_card import IMPORTANCE, draw_importance
from components.common.pictures import PICTURE, draw_evaluation
from components.common.section import Cell, Section
from components.common.slices import banded
from components.recommendation.catalogue import SEEN
from components.recommendation.people import People
from components.recommendation.quality import mean_of, per_user, ranks_of

GAIN = "ndcg_at_10"
FEW_CUSTOMERS = 10
"""A merchant with fewer of them is as good as new."""
LIMITS = (
    "It ranks what a customer has not paid at by what they and others paid for, and nothing else: "
    "it knows no prices, no opening hours and no stock.",
    "What is shown is seen more, and what is seen more is paid for more; shares of clicks by arm "
    "in the monitoring tell how much of a gain is the list's own.",
    "A merchant that opened after the training is in no list until the next one.",
)
_KNOWN = (1, 5, 20)
"""Merchants of a history at which the bands begin."""
_PARTS = {"the newest": (0, 1), "2nd to 5th": (1, 5), "6th to 20th": (5, 20), "older": (20, SEEN)}
"""Part of a history → its places."""
_PEOPLE, _PAIRS = 500, 200_000
"""Customers by whom the importance is told, and pairs of whom the pictures are drawn, at most."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lists:
    """Scores [n, merchants] of the same customers by everybody who ranks; ours comes first."""

    test: People
    by: Mapping[str, Floats]

    def gains(self, relevant: npt.NDArray[np.bool_]) -> dict[str, dict[str, Floats]]:
        """Who ranks → metric → its value for each customer, with that as relevant."""
        return {
            name: per_user(ranks_of(scores, self.test.seen, relevant))
            for name, scores in self.by.items()
        }


def compared(gains: Mapping[str, Mapping[str, Floats]]) -> Section:
    """Everybody who ranks, side by side."""
    rows = []
    for name, found in gains.items():
        hits, gain = mean_of(found["hr_at_10"]), mean_of(found[GAIN])
        rows.append((name, hits.value, gain.value, f"{gain.low:.3f} to {gain.high:.3f}"))
    return Section(
        "Beside other ways to rank",
        ("Ten merchants each, for the same customers, among all that they had not paid at.",),
        ("ranked by", "HR@10", "NDCG@10", "95 % interval"),
        tuple(rows),
    )


def sliced(
    lists: Lists,
    gains: Mapping[str, Mapping[str, Floats]],
    segment: npt.ArrayLike,
    customers: Floats,
) -> Section:
    """NDCG@10 of everybody who ranks, for parts of the customers and for merchants hardly known.

    gains: of all that is new to the customers. segment: age band of each customer in tens of years,
    0 or NaN where unknown. customers: of each merchant, before the test.
    """
    known = np.isfinite(lists.test.inputs[:, :SEEN]).sum(axis=1)
    decade = np.nan_to_num(np.asarray(segment, dtype=float))
    age = np.where(decade > 0, decade * 10, np.nan)
    groups = {
        "merchants paid at": banded(known, _KNOWN),
        "age": banded(age, (30, 40, 50, 60), " years"),
    }
    rows = [
        (f"{name}: {group}", *_means(gains, np.asarray(members == group)))
        for name, members in groups.items()
        for group in sorted(set(members))
    ]
    seldom = lists.test.new & (customers < FEW_CUSTOMERS)[None]
    found = np.asarray(seldom.any(axis=1))
    if found.any():
        label = f"merchants: fewer than {FEW_CUSTOMERS} customers"
        rows.append((label, *_means(lists.gains(seldom), found)))
    text = (
        "NDCG@10 of parts of the customers: the first rows are of those who are hardly known, the "
        "last of merchants that are; by age it should not differ much.",
    )
    return Section("Slices", text, ("slice", "customers", *lists.by), tuple(rows))


def _means(
    gains: Mapping[str, Mapping[str, Floats]], chosen: npt.NDArray[np.bool_]
) -> tuple[Cell, ...]:
    return (int(chosen.sum()), *(float(found[GAIN][chosen].mean()) for found in gains.values()))


def importance(scorer: Scorer, test: People) -> dict[str, float]:
    """NDCG@10 that is lost without a part of the histories, or without how often and when it was.

    The model is asked again with that part left out, for some of the customers.
    """
    some = np.unique(np.linspace(0, len(test.users) - 1, _PEOPLE).astype(int))
    inputs, seen, new = test.inputs[some], test.seen[some], test.new[some]

    def gain(changed: Floats) -> float:
        scores = scorer.score(changed.astype(np.float32))
        return float(per_user(ranks_of(scores, seen, new))[GAIN].mean())

    whole, found = gain(inputs), {}
    for name, (begin, end) in _PARTS.items():
        without = inputs.copy()
        without[:, begin:end] = np.nan
        found[name] = round(whole - gain(without), 5)
    alike = inputs.copy()
    alike[:, SEEN:] = np.where(np.isfinite(inputs[:, SEEN:]), 1.0, np.nan)
    return {**found, "how often and when": round(whole - gain(alike), 5)}


def draw(scorer: Scorer, lists: Lists, out: Path) -> None:
    """The pictures of the card: calibration of single probabilities, and what it leans on."""
    test, ours = lists.test, next(iter(lists.by.values()))
    open_to = np.flatnonzero(~test.seen)
    some = open_to[np.unique(np.linspace(0, len(open_to) - 1, _PAIRS).astype(int))]
    draw_evaluation(scored(test.new.ravel()[some], ours.ravel()[some]), out / PICTURE)
    draw_importance(importance(scorer, test), out / IMPORTANCE)
