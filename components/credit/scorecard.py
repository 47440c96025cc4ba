"""A scorecard: points for the bin that each column falls into, and for a few pairs of columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.artifact import Matrix
from components.common.trees import Trees, joined
from components.credit.binning import BinningConfig, Steps, average, learn_steps
from components.credit.logit import fit_logit, probabilities
from components.credit.residual import Residual, quantile_cells, quantile_edges
from components.credit.table_trees import pair_tree, steps_tree

Floats = npt.NDArray[np.float64]


class ScorecardConfig(BaseModel):
    """What can be tuned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    binning: BinningConfig = BinningConfig()
    """How columns are binned."""
    draws: int = Field(default=10, ge=1)
    """How often bins are drawn, each time from other rows; their mean has fewer accidents."""
    draw_share: float = Field(default=0.8, gt=0, le=1)
    """Share of the rows of one draw."""
    l2: float = Field(default=10.0, ge=0)
    """Penalty on the weights."""
    pairs: int = Field(default=0, ge=0)
    """Most pairs of columns that get points of their own."""
    pair_bins: int = Field(default=6, ge=2)
    """Bins of each of the two columns of a pair."""
    pair_prior: float = Field(default=50.0, gt=0)
    """Information (sum of p(1 − p)) of the prior that a cell of a pair tells nothing."""
    pair_columns: int = Field(default=40, ge=2)
    """Columns among which pairs are sought, those that say most by themselves."""


@dataclass(frozen=True)
class Pair:
    """Two columns together: what a cell of their bins adds to what each says alone."""

    columns: tuple[int, int]
    edges: tuple[Matrix, Matrix]
    values: Floats
    """[bins and null of the first, of the second]"""
    counts: Floats

    def cells(self, rows: Matrix) -> npt.NDArray[np.intp]:
        """Number of each row's cell [n], by rows of `values`."""
        first, second = (
            quantile_cells(rows[:, column], edges)
            for column, edges in zip(self.columns, self.edges, strict=True)
        )
        return first * self.values.shape[1] + second

    def apply(self, rows: Matrix) -> Floats:
        """Evidence [n] of rows [n, f]."""
        return self.values.ravel()[self.cells(rows)]


@dataclass(frozen=True)
class Scorecard:
    """m = w₀ + Σ_j w_j · WoE_j(x_j) + Σ_k v_k · E_k(x_a, x_b), all weights ≥ 0.

    WoE is the weight of evidence of a bin (`binning.Steps`), so that the order of the bins, and
    with it a monotone constraint, is kept; E is what is left to tell of a pair of unconstrained
    columns once every column has spoken: one Newton step on the log loss in each cell.
    Siddiqi, "Credit Risk Scorecards", 2006.
    """

    steps: tuple[Steps, ...]
    pairs: tuple[Pair, ...]
    weights: Floats
    """w₀, then one for each column, then one for each pair."""

    def margin(self, rows: Matrix) -> Floats:
        """Log-odds of default [n] of rows [n, f]; NaN is null."""
        return self.weights[0] + _evidence(self.steps, self.pairs, rows) @ self.weights[1:]

    def trees(self) -> Trees:
        """The same as an ensemble of trees, one for each column and pair that counts."""
        columns = len(self.steps)
        singles = [
            steps_tree(one, place, weight)
            for place, (one, weight) in enumerate(
                zip(self.steps, self.weights[1 : 1 + columns], strict=True)
            )
            if weight > 0
        ]
        doubles = [
            pair_tree(one.columns, one.edges, one.values * weight, one.counts)
            for one, weight in zip(self.pairs, self.weights[1 + columns :], strict=True)
            if weight > 0
        ]
        parts = [*singles, *doubles] or [steps_tree(self.steps[0], 0, 0.0)]
        return joined(parts, base=float(self.weights[0]))


def fit_scorecard(
    rows: Matrix, bad: Floats, config: ScorecardConfig, signs: tuple[int, ...], seed: int
) -> Scorecard:
    """A scorecard of training rows [n, f] and what turned out [n] in {0, 1}.

    signs: for each column whether more of it never lowers (+1) or never raises (−1) the risk.
    """
    steps = tuple(
        _drawn_steps(column, bad, config, sign, seed)
        for column, sign in zip(rows.T, signs, strict=True)
    )
    evidence = _evidence(steps, (), rows)
    weights = fit_logit(evidence, bad, l2=config.l2)
    if not config.pairs:
        return Scorecard(steps, (), weights)
    probability = probabilities(evidence, weights)
    residual = Residual(bad - probability, probability * (1 - probability), evidence.std(axis=0))
    pairs = _pairs(rows, residual, config, signs)
    evidence = np.column_stack([evidence, *(pair.apply(rows) for pair in pairs)])
    return Scorecard(steps, pairs, fit_logit(evidence, bad, l2=config.l2))


def _drawn_steps(
    column: Matrix, bad: Floats, config: ScorecardConfig, sign: int, seed: int
) -> Steps:
    """The mean of the bins of several draws of the rows; the same draws for every column."""
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(config.draws):
        chosen = random.random(len(column)) < config.draw_share
        if config.draws == 1 or not 0 < bad[chosen].mean() < 1:
            chosen[:] = True
        drawn.append(learn_steps(column[chosen], bad[chosen], config.binning, sign))
    return average(drawn)


def _pairs(
    rows: Matrix, residual: Residual, config: ScorecardConfig, signs: tuple[int, ...]
) -> tuple[Pair, ...]:
    """The pairs of unconstrained columns that explain most of what is left."""
    free = [place for place, sign in enumerate(signs) if not sign]
    free = sorted(free, key=lambda place: -residual.strength[place])[: config.pair_columns]
    edges = {place: quantile_edges(rows[:, place], config.pair_bins) for place in free}
    cells = {place: quantile_cells(rows[:, place], edges[place]) for place in free}
    width = {place: len(edges[place]) + 2 for place in free}
    gains = [
        (residual.gain_of_cells(cells[a] * width[b] + cells[b], config.pair_prior), a, b)
        for a, b in combinations(sorted(free), 2)
    ]
    best = sorted(gains, key=lambda one: (-one[0], one[1], one[2]))[: config.pairs]
    return tuple(
        Pair(
            (a, b),
            (edges[a], edges[b]),
            *residual.cell_steps(
                cells[a] * width[b] + cells[b], (width[a], width[b]), config.pair_prior
            ),
        )
        for _, a, b in best
    )


def _evidence(steps: tuple[Steps, ...], pairs: tuple[Pair, ...], rows: Matrix) -> Floats:
    singles = [one.apply(column) for one, column in zip(steps, rows.T, strict=True)]
    return np.column_stack([*singles, *(pair.apply(rows) for pair in pairs)])
