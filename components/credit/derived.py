"""Columns made of other columns: what a numbered series comes to, and ratios that matter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.artifact import Matrix
from components.credit.residual import Residual

if TYPE_CHECKING:
    import onnx

Floats = npt.NDArray[np.float64]
Operation = str
RATIO, MEAN, LARGEST, SMALLEST, CHANGE = "ratio", "mean", "largest", "smallest", "change"
SERIES = (MEAN, LARGEST, SMALLEST, CHANGE)


class DerivedConfig(BaseModel):
    """How many columns are added."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: int = Field(default=3, ge=2)
    """Columns of one name but for the number at its end that make a series."""
    ratios: int = Field(default=16, ge=0)
    """Most ratios of two columns."""
    distinct: int = Field(default=20, ge=2)
    """Distinct values from which a column is a quantity that can stand in a ratio."""
    likeness: float = Field(default=0.9, gt=0, le=1)
    """Rank correlation from which two ratios say the same."""
    quantities: int = Field(default=30, ge=2)
    """Most quantities among which ratios are sought, those first that say most by themselves."""


@dataclass(frozen=True)
class Made:
    """One added column: an operation on columns by their place."""

    operation: Operation
    of: tuple[int, ...]

    def named(self, names: Sequence[str]) -> str:
        """The column in words of its parts."""
        parts = [names[place] for place in self.of]
        if self.operation == RATIO:
            return f"{parts[0]} / {parts[1]}"
        return f"{self.operation}({parts[0]} … {parts[-1]})"


@dataclass(frozen=True)
class Derived:
    """The columns that are added behind those of a matrix, in float32 as the graph has it."""

    made: tuple[Made, ...] = ()

    def widen(self, rows: Matrix) -> Matrix:
        """Rows [n, f] with the added columns behind them [n, f + k]; NaN is null."""
        if not self.made:
            return rows
        return np.column_stack([rows, *(_compute(one, rows) for one in self.made)])

    def named(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names of all columns, those of the matrix first."""
        return (*names, *(one.named(names) for one in self.made))

    def signs(self, signs: Sequence[int]) -> tuple[int, ...]:
        """Monotone constraints of all columns [f + k] from those of the matrix [f].

        A mean or an extreme of a series moves as all its members do; nothing else is made of a
        constrained column, so nothing else can break what was demanded of it.
        """
        return (*signs, *(_sign(one, signs) for one in self.made))

    def back(self, contributions: Floats, width: int) -> Floats:
        """Contributions [f + k] told of the columns they were made of [f], in equal parts."""
        told = contributions[:width].copy()
        for one, amount in zip(self.made, contributions[width:], strict=True):
            np.add.at(told, list(one.of), amount / len(one.of))
        return told

    def as_json(self) -> list[dict[str, Any]]:
        """The added columns as JSON."""
        return [{"operation": one.operation, "of": list(one.of)} for one in self.made]

    @classmethod
    def from_json(cls, told: Sequence[Mapping[str, Any]]) -> Derived:
        """What `as_json` told."""
        return cls(tuple(Made(one["operation"], tuple(one["of"])) for one in told))

    def nodes(self, rows: str, widened: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """The same as a graph: `rows` float32 [n, f] → `widened` float32 [n, f + k]."""
        from components.credit.derived_graph import widening

        return widening(self.made, rows, widened)


def learn_derived(
    rows: Matrix,
    bad: Floats,
    names: Sequence[str],
    signs: Sequence[int],
    config: DerivedConfig,
    *,
    plain: Sequence[bool] | None = None,
) -> Derived:
    """The columns worth adding to training rows [n, f], found on these rows alone.

    plain: which columns are numbers of their own rather than places of categories.
    """
    numbers = [place for place, one in enumerate(plain or [True] * len(names)) if one]
    series = _series(names, numbers, signs, config.series)
    wide = Derived(series).widen(rows)
    free = [place for place in numbers if not signs[place]]
    ratios = _ratios(wide[:, : len(names)], bad, free, config)
    return Derived((*series, *ratios))


def _series(
    names: Sequence[str], numbers: Sequence[int], signs: Sequence[int], least: int
) -> tuple[Made, ...]:
    """What columns come to that differ only by the number at the end of their names."""
    found: dict[str, list[tuple[int, int]]] = {}
    for place in numbers:
        match = re.fullmatch(r"(.*\D)(\d+)", names[place])
        if match:
            found.setdefault(match[1], []).append((int(match[2]), place))
    members = [tuple(place for _, place in sorted(one)) for one in found.values()]
    members = [one for one in members if len(one) >= least]
    return tuple(
        Made(operation, one)
        for one in members
        for operation in SERIES
        if len({signs[place] for place in one}) == 1 and (operation != CHANGE or not signs[one[0]])
    )


def _ratios(
    rows: Matrix, bad: Floats, free: Sequence[int], config: DerivedConfig
) -> tuple[Made, ...]:
    """Ratios that explain most of what the columns by themselves leave open, each unlike others."""
    residual = Residual.of(rows, bad)
    quantities = [place for place in free if _is_quantity(rows[:, place], config.distinct)]
    quantities = sorted(quantities, key=lambda place: -residual.strength[place])
    zeros = (rows == 0).mean(axis=0)
    gains: list[tuple[float, Made, Matrix]] = []
    for one, other in combinations(sorted(quantities[: config.quantities]), 2):
        below, above = sorted((one, other), key=lambda place: (zeros[place], -place))
        made = Made(RATIO, (above, below))
        column = _compute(made, rows)
        gains.append((residual.gain(column), made, column))
    gains.sort(key=lambda one: -one[0])
    chosen: list[Made] = []
    ranks: list[Floats] = []
    for _, made, column in gains[: 8 * config.ratios]:
        if len(chosen) == config.ratios:
            break
        rank = _standing(column)
        if all(abs(float(rank @ other)) < config.likeness for other in ranks):
            chosen.append(made)
            ranks.append(rank)
    return tuple(chosen)


def _is_quantity(column: Matrix, distinct: int) -> bool:
    return len(np.unique(column[~np.isnan(column)])) > distinct


def _standing(column: Matrix) -> Floats:
    """Ranks of a column, centred and of unit length; nulls stand below everything."""
    order = np.argsort(np.nan_to_num(column, nan=-np.inf), kind="stable")
    rank = np.empty(len(column))
    rank[order] = np.arange(len(column))
    rank -= rank.mean()
    return rank / max(float(np.linalg.norm(rank)), 1e-12)


def _sign(made: Made, signs: Sequence[int]) -> int:
    return 0 if made.operation in (RATIO, CHANGE) else signs[made.of[0]]


def _compute(made: Made, rows: Matrix) -> Matrix:
    parts = [rows[:, place] for place in made.of]
    with np.errstate(all="ignore"):
        if made.operation == RATIO:
            found = parts[0] / parts[1]
        elif made.operation == CHANGE:
            found = parts[0] - parts[-1]
        elif made.operation == MEAN:
            found = _mean(parts)
        else:
            take = np.fmax if made.operation == LARGEST else np.fmin
            found = take.reduce(parts)
    return np.where(np.isfinite(found), found, np.float32(np.nan)).astype(np.float32)


def _mean(parts: Sequence[Matrix]) -> Matrix:
    """The mean of what is known, added up one after the other so that the graph gives the same."""
    total, count = np.zeros_like(parts[0]), np.zeros_like(parts[0])
    for part in parts:
        known = ~np.isnan(part)
        total = total + np.where(known, part, np.float32(0))
        count = count + known.astype(np.float32)
    return total / count
