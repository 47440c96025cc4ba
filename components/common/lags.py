"""Earlier events of the same entity as model inputs: `amount_lag_2` is the amount two events ago.

A model of sequences is trained on rows gathered by number, and served flat: one named input for
each feature of each event, so that it is sealed, recorded and replayed like any other model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix

Numbers = npt.NDArray[np.int32]
ABSENT = -1
"""Number of the row of an event that never was."""
_NAME = re.compile(r"(.+)_lag_([1-9][0-9]*)")


@cache
def lag_name(feature: str, lag: int) -> str:
    """The input that holds a feature of the event `lag` events ago; 0 is the event itself."""
    return feature if lag == 0 else f"{feature}_lag_{lag}"


def parse_lag(name: str) -> tuple[str, int]:
    """(feature, lag) of an input."""
    found = _NAME.fullmatch(name)
    return (name, 0) if found is None else (found[1], int(found[2]))


def lag_names(features: Sequence[str], lags: int) -> tuple[str, ...]:
    """Inputs of the event itself, then of the one before it, and so on."""
    return tuple(lag_name(feature, lag) for lag in range(lags + 1) for feature in features)


def flatten(past: Mapping[str, Sequence[float | None]]) -> dict[str, float | None]:
    """Named inputs of feature → values of the events before, newest first."""
    names = _names_before(tuple(past), tuple(map(len, past.values())))
    return dict(zip(names, chain.from_iterable(past.values()), strict=True))


@cache
def _names_before(features: tuple[str, ...], lags: tuple[int, ...]) -> tuple[str, ...]:
    pairs = zip(features, lags, strict=True)
    return tuple(lag_name(feature, lag) for feature, n in pairs for lag in range(1, n + 1))


def at_lag(
    values: npt.NDArray[np.float64], previous: Numbers, rows: npt.NDArray[np.integer], lag: int
) -> npt.NDArray[np.float64]:
    """A column [n] of the events `lag` > 0 before each of some rows [k]; NaN where there is none.

    previous: row numbers of the events before each row [n, lags], newest first.
    """
    before = previous[rows, lag - 1]
    return np.where(before == ABSENT, np.nan, values[before])


def previous(entity: npt.NDArray[np.integer], lags: int) -> Numbers:
    """Numbers of the rows before each row of the same entity [n, lags], newest first.

    entity: number of the entity of each row [n], rows in order of time. `ABSENT` where none is.
    """
    order = np.argsort(entity, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    first = np.searchsorted(entity[order], entity)
    wanted = place[:, None] - np.arange(1, lags + 1)
    return np.where(
        wanted >= first[:, None], order[np.maximum(wanted, 0)] if len(order) else 0, ABSENT
    ).astype(np.int32)


@dataclass(frozen=True)
class Sequences:
    """Events of one entity after another, each named by the number of its row."""

    values: Matrix
    """Features [m, s] of every event; NaN is null."""
    index: Numbers
    """Rows of the sequences [n, t], newest first; `ABSENT` where a history is short."""

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.integer]) -> Sequences:
        """Some of the sequences, over the same events."""
        return Sequences(self.values, self.index[rows])

    def flat(self) -> Matrix:
        """The sequences as rows [n, t·s] in the order of `lag_names`."""
        nothing = np.full((1, self.values.shape[1]), np.nan, dtype=np.float32)
        known = np.concatenate([self.values, nothing])
        return known[self.index].reshape(len(self), -1)

    @classmethod
    def of_flat(cls, rows: Matrix, features: int) -> Sequences:
        """Sequences of rows [n, t·s] of `features` features each, as `flat` made them."""
        values = rows.reshape(-1, features)
        index = np.arange(len(values), dtype=np.int32).reshape(len(rows), -1)
        return cls(values, index)

    @classmethod
    def joined(cls, parts: Sequence[Sequences]) -> Sequences:
        """The sequences of all parts; events that parts share are not copied."""
        if all(part.values is parts[0].values for part in parts):
            return cls(parts[0].values, np.concatenate([part.index for part in parts]))
        began = np.cumsum([0, *(len(part.values) for part in parts)])
        index = [
            np.where(part.index < 0, ABSENT, part.index + offset)
            for part, offset in zip(parts, began[:-1], strict=True)
        ]
        values = np.concatenate([part.values for part in parts])
        return cls(values, np.concatenate(index).astype(np.int32))
