"""How good lists are: hits and ranks of what customers paid for next, and what accuracy leaves out.

Every merchant that a customer had not paid at is ranked, and those that they first paid at in the
test window are relevant. With relevant merchants R and ranks from 1,

    HR@10 = share of customers with a hit among ten,
    NDCG@10 = Σ over hits of 1 / log2(rank + 1), divided by the sum of a perfect list.

A tie counts against the model (Krichene and Rendle 2020 on sampled metrics: none is sampled here).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from components.common.evaluation import CONFIDENCE, Metric

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

AT = 10
_RESAMPLES = 200


def ranks_of(scores: Floats, seen: Flags, relevant: Flags) -> list[Ints]:
    """For each customer the ranks (from 1) of what is relevant, among what they had not seen.

    All [n, merchants]. Merchants with the same score as a relevant one are ranked before it.
    """
    found = []
    for row in range(len(scores)):
        open_to = ~seen[row]
        wanted = scores[row][open_to & relevant[row]]
        others = np.sort(scores[row][open_to & ~relevant[row]])
        ahead = len(others) - np.searchsorted(others, wanted, side="left")
        found.append(np.sort(ahead + _before(wanted)) + 1)
    return found


def _before(wanted: Floats) -> Ints:
    """How many of the relevant ones are ranked before each of them."""
    order = np.argsort(-wanted, kind="stable")
    place = np.empty(len(wanted), dtype=np.int64)
    place[order] = np.arange(len(wanted))
    return place


def per_user(ranks: list[Ints]) -> dict[str, Floats]:
    """HR@10 and NDCG@10 of each customer."""
    ideal = np.cumsum(1 / np.log2(np.arange(AT) + 2))
    hit = np.array([float((found <= AT).any()) for found in ranks])
    gain = np.array(
        [
            (1 / np.log2(found[found <= AT] + 1)).sum() / ideal[min(len(found), AT) - 1]
            for found in ranks
        ]
    )
    return {"hr_at_10": hit, "ndcg_at_10": gain}


def mean_of(values: Floats, seed: int = 0) -> Metric:
    """The mean over customers with its bootstrap interval."""
    draws = np.random.default_rng(seed).integers(0, len(values), (_RESAMPLES, len(values)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values[draws].mean(axis=1), [tail, 1 - tail])
    return Metric(float(values.mean()), float(low), float(high))


def beyond_accuracy(top: Ints, users: Floats, everyone: int) -> dict[str, Metric]:
    """What lists [n, 10] of merchants are like, whoever likes them.

    users: customers of each merchant, of `everyone`. coverage: share of the merchants that are in
    any list. novelty: mean −log2 of the share of customers that a recommended merchant has.
    popularity bias: mean customers of a recommended merchant over those of any merchant.
    """
    share = np.maximum(users, 0.5) / everyone
    novelty = -np.log2(share[top]).mean(axis=1)
    covered = len(np.unique(top)) / len(users)
    bias = users[top].mean(axis=1) / max(users.mean(), 1e-9)
    return {
        "coverage": Metric(covered, covered, covered),
        "novelty": mean_of(novelty),
        "popularity_bias": mean_of(bias),
    }


def over(ours: Mapping[str, Floats], theirs: Mapping[str, Floats], name: str) -> Metric:
    """How much more of a metric we have than another, on the same customers."""
    return mean_of(ours[name] - theirs[name])
