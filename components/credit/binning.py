"""From a column of numbers to weight of evidence: few bins, each with what it says of default.

Missing values are a bin of their own. So are special codes: a value that stands for something else
than its size (−1 "no balance", 999999 "unknown") is never merged with its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

Floats = npt.NDArray[np.float64]
_TINY = 1e-300


class BinningConfig(BaseModel):
    """How fine, and how sure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fine: int = Field(default=40, ge=2)
    """Quantile bins to begin with; a column of fewer values begins with one for each."""
    least_share: float = Field(default=0.03, ge=0, lt=1)
    """Share of all rows that a bin holds at least."""
    penalty: float = Field(default=1.0, ge=0)
    """Log-likelihood that a boundary must be worth."""
    prior: float = Field(default=20.0, ge=0)
    """Rows of the average risk that are added to every bin."""


@dataclass(frozen=True)
class Steps:
    """A column's weight of evidence as a step function: values[i] for edges[i−1] < x ≤ edges[i].

    weight of evidence = ln(bad / good in the bin) − ln(bad / good of all), with `prior` rows of
    the average mixed in: positive raises the risk, 0 says nothing (a bin without rows).
    """

    edges: npt.NDArray[np.float32]
    values: Floats
    counts: Floats
    null: float
    nulls: float

    def apply(self, column: npt.NDArray[np.float32]) -> Floats:
        """Weight of evidence [n] of values [n]; NaN is null."""
        found = self.values[np.searchsorted(self.edges, column)]
        return np.where(np.isnan(column), self.null, found)


def learn_steps(
    column: npt.NDArray[np.float32],
    bad: Floats,
    config: BinningConfig,
    sign: int = 0,
) -> Steps:
    """Bins of a column [n] against what turned out [n] in {0, 1}.

    sign +1: a higher value never lowers the risk; −1: never raises it; 0: rising, falling, or with
    one turn (U-shaped), whichever explains more than the boundary it costs. Special codes stand
    outside that order.
    """
    odds = _Odds.of(bad, config.prior)
    null = np.isnan(column)
    known, known_bad = column[~null], bad[~null]
    codes = special_codes(known)
    ordinary = ~np.isin(known, codes)
    least = config.least_share * len(column)
    edges, tallies = _merged(known[ordinary], known_bad[ordinary], config, sign, least)
    values = np.array([odds.evidence(*tally) for tally in tallies.tolist()])
    steps = Steps(
        edges,
        _in_order(values, sign),
        tallies[:, 1],
        odds.evidence(float(bad[null].sum()), float(null.sum())),
        float(null.sum()),
    )
    for code in codes:
        at = known == code
        evidence = odds.evidence(float(known_bad[at].sum()), float(at.sum()))
        steps = _with_code(steps, code, evidence, float(at.sum()))
    return steps


def _in_order(values: Floats, sign: int) -> Floats:
    """Evidence that keeps its sign: the prior draws a small bin in further than its neighbours."""
    if not sign:
        return values
    return sign * np.maximum.accumulate(sign * values)


def special_codes(known: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Values that stand for something else than their size, ascending.

    The few negative values of a column that is otherwise not negative, and a row of nines far
    beyond everything else.
    """
    values = np.unique(known)
    negative, rest = values[values < 0], values[values >= 0]
    codes = negative if len(negative) <= 3 < len(rest) else negative[:0]
    if len(rest) > 3 and _is_nines(rest[-1]) and rest[-1] > 5 * max(rest[-2], 1):
        codes = np.append(codes, rest[-1])
    return codes


def average(steps: list[Steps]) -> Steps:
    """The mean of step functions, by which bins drawn several times lose their accidents."""
    edges = np.unique(np.concatenate([one.edges for one in steps]))
    inside = np.append(edges, np.float32(np.inf))
    places = [np.searchsorted(one.edges, inside) for one in steps]
    values = np.mean([one.values[place] for one, place in zip(steps, places, strict=True)], axis=0)
    spread = [_spread(one, place) for one, place in zip(steps, places, strict=True)]
    null, nulls = np.mean([(one.null, one.nulls) for one in steps], axis=0).tolist()
    return Steps(edges, values, np.mean(spread, axis=0), null, nulls)


def _spread(steps: Steps, places: npt.NDArray[np.intp]) -> Floats:
    parts = np.bincount(places, minlength=len(steps.counts))
    return steps.counts[places] / parts[places]


@dataclass(frozen=True)
class _Odds:
    share: float
    prior: float

    @classmethod
    def of(cls, bad: Floats, prior: float) -> _Odds:
        return cls(float(bad.mean()), prior)

    def evidence(self, bad: float, count: float) -> float:
        """Weight of evidence of a bin; 0 of an empty one."""
        if not count:
            return 0.0
        against = self.prior * (1 - self.share) + count - bad + 1e-3
        odds = (self.prior * self.share + bad + 1e-3) / against
        return log(odds) - log(self.share / (1 - self.share))


def _is_nines(value: float) -> bool:
    return value >= 99 and set(f"{value:.0f}") == {"9"}


def _with_code(steps: Steps, code: np.float32, value: float, count: float) -> Steps:
    """The same with one value cut out of its bin."""
    before = np.nextafter(code, np.float32(-np.inf))
    place = int(np.searchsorted(steps.edges, code))
    edges = np.insert(steps.edges, place, [before, code])
    around = steps.values[place], steps.counts[place]
    values = np.insert(steps.values, place, [around[0], value])
    counts = np.insert(steps.counts, place, [0.0, count])
    keep = np.append(np.diff(edges) > 0, True)  # a code next to an edge
    return Steps(
        edges[keep],
        values[np.append(keep, True)],
        counts[np.append(keep, True)],
        steps.null,
        steps.nulls,
    )


def _merged(
    known: npt.NDArray[np.float32], bad: Floats, config: BinningConfig, sign: int, least: float
) -> tuple[npt.NDArray[np.float32], Floats]:
    """Upper edges of the bins but the last, and (bad, count) of each bin [k, 2]."""
    edges = _fine_edges(known, config.fine)
    place = np.searchsorted(edges, known)
    tally = np.stack(
        [np.bincount(place, bad, len(edges) + 1), np.bincount(place, minlength=len(edges) + 1)],
        axis=1,
    ).astype(np.float64)
    ends = _shaped(tally, sign, least, config.penalty)
    sums = np.add.reduceat(tally, np.append(0, ends[:-1]))
    return edges[ends[:-1] - 1], sums


def _fine_edges(known: npt.NDArray[np.float32], fine: int) -> npt.NDArray[np.float32]:
    """Upper edges of the first bins: values of the column, so that what is equal stays together."""
    values = np.unique(known)
    if len(values) <= fine:
        return values[:-1]
    cuts = np.linspace(0, 1, fine + 1)[1:-1]
    return np.unique(np.quantile(known, cuts, method="lower"))


def _shaped(tally: Floats, sign: int, least: float, penalty: float) -> npt.NDArray[np.intp]:
    """Where the best bins of an allowed shape end, as numbers of fine bins."""
    if len(tally) < 2:
        return np.array([len(tally)])
    signs = (sign,) if sign else (1, -1)
    shapes = [_monotone(tally, one) for one in signs]
    if not sign:
        turned = [shape for one in signs for shape in _with_one_turn(tally, one)]
        shapes += sorted(turned, key=lambda ends: -_likelihood(_sums(tally, ends)))[:1]
    merged = [_merge(tally, ends, least, penalty) for ends in shapes]
    worth = [_likelihood(_sums(tally, ends)) - penalty * len(ends) for ends in merged]
    return merged[int(np.argmax(worth))]


def _with_one_turn(tally: Floats, sign: int) -> list[npt.NDArray[np.intp]]:
    turns = range(2, len(tally) - 1, max(1, len(tally) // 6))
    return [
        np.append(_monotone(tally[:turn], sign), turn + _monotone(tally[turn:], -sign))
        for turn in turns
    ]


def _monotone(tally: Floats, sign: int) -> npt.NDArray[np.intp]:
    """Where bins of strictly monotone risk end: neighbours in the wrong order are pooled.

    Ayer et al., "An empirical distribution function for sampling with incomplete information",
    1955; of all monotone risks the one of highest likelihood.
    """
    bins: list[tuple[float, float, int]] = []
    for end, (bad, count) in enumerate(tally.tolist(), start=1):
        one = (bad, count, end)
        while bins and sign * (one[0] * bins[-1][1] - bins[-1][0] * one[1]) <= 0:
            before = bins.pop()
            one = (one[0] + before[0], one[1] + before[1], end)
        bins.append(one)
    return np.array([end for _, _, end in bins])


def _merge(
    tally: Floats, ends: npt.NDArray[np.intp], least: float, penalty: float
) -> npt.NDArray[np.intp]:
    """Take away boundaries, the least useful first, while one is worth less than the penalty."""
    while len(ends) > 1:
        sums = _sums(tally, ends)
        together = sums[:-1] + sums[1:]
        loss = _log_likelihood(sums[:-1]) + _log_likelihood(sums[1:]) - _log_likelihood(together)
        small = np.minimum(sums[:-1, 1], sums[1:, 1]) < least
        if not small.any() and loss.min() > penalty:
            break
        ends = np.delete(ends, np.argmin(np.where(small | ~small.any(), loss, np.inf)))
    return ends


def _sums(tally: Floats, ends: npt.NDArray[np.intp]) -> Floats:
    return np.add.reduceat(tally, np.append(0, ends[:-1]))


def _likelihood(sums: Floats) -> float:
    return float(_log_likelihood(sums).sum())


def _log_likelihood(sums: Floats) -> Floats:
    """Log-likelihood [k] of bins (bad, count) [k, 2] at their own rates."""
    bad, count = sums[:, 0], sums[:, 1]
    share = bad / np.maximum(count, 1)
    return bad * np.log(share + _TINY) + (count - bad) * np.log(1 - share + _TINY)
