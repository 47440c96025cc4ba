"""What moved a network: groups of its inputs against what is average, all in one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix, Scorer, Scores
from components.fraud.reason_codes import spoken
from components.fraud.sequence import features_of, read_preparation

Mask = npt.NDArray[np.bool_]
_SURE = 1e-12
"""Probabilities nearer to 0 or 1 have no log-odds worth comparing."""


@dataclass(frozen=True)
class Occlusion:
    """An artifact of the sequence model, and the payment that its training rows make on average."""

    scorer: Scorer
    features: tuple[str, ...]
    """Features of one payment."""
    average: Matrix
    """[s], the middle of each feature on the scale that the network sees."""

    @classmethod
    def read(cls, directory: Path) -> Occlusion:
        """That of an exported artifact; raises `FinloopError` where it is none."""
        scorer = Scorer.load(directory)
        return cls(scorer, features_of(scorer.inputs), read_preparation(directory).average())

    def pushes(self, vector: Matrix) -> dict[str, float]:
        """Code → how far its inputs push a payment [1, t·s] towards fraud, in log-odds.

        For a group g of inputs of the payment x and the average b it is
        ½·[f(x) − f(x without g) + f(b with g) − f(b)]: what g adds as the last and as the first
        one to be known. The Shapley value lies over all orders; these are the two ends of it, which
        sees a group as well that another one would have hidden. Zeiler and Fergus, "Visualizing and
        Understanding Convolutional Networks", 2014; Covert et al., "Explaining by Removing", 2021.
        """
        row = vector[0]
        average = np.tile(self.average, len(row) // len(self.average))
        groups = self._groups(row)
        without = [np.where(mask, average, row) for mask in groups.values()]
        alone = [np.where(mask, row, average) for mask in groups.values()]
        rows = np.stack([row, average, *without, *alone]).astype(np.float32)
        whole, nothing, *rest = _log_odds(self.scorer.score(rows))
        halves = zip(rest[: len(groups)], rest[len(groups) :], strict=True)
        return {
            code: float(whole - left + taken - nothing) / 2
            for code, (left, taken) in zip(groups, halves, strict=True)
        }

    def _groups(self, row: Matrix) -> dict[str, Mask]:
        """Code → the inputs that speak for it [t·s]; what is a null says nothing to a network."""
        events = row.reshape(-1, len(self.features))
        absent: Mask = np.asarray(np.isnan(events).all(axis=1))
        groups: dict[str, Mask] = {}
        for code, chosen in self._parts(events, absent):
            mask = groups.setdefault(code, np.zeros(events.size, dtype=np.bool_))
            mask |= chosen.ravel()
        return groups

    def _parts(self, events: Matrix, absent: Mask) -> Iterator[tuple[str, Mask]]:
        for place, (name, value) in enumerate(zip(self.features, events[0], strict=True)):
            code = None if np.isnan(value) else spoken(name, float(value))
            if code is not None:
                yield code, _rows(events, [0], place)
        before = np.arange(1, len(events))
        held, missing = before[~absent[1:]], before[absent[1:]]
        if len(held):
            yield "RECENT_PAYMENTS", _rows(events, held)
        if len(missing):
            yield "LITTLE_KNOWN", _rows(events, missing)


def _rows(events: Matrix, rows: npt.ArrayLike, column: int | slice = slice(None)) -> Mask:
    """Which values [t, s] are those of some payments, or of one feature of them."""
    mask = np.zeros(events.shape, dtype=np.bool_)
    mask[np.asarray(rows), column] = True
    return mask


def _log_odds(probability: Scores) -> Scores:
    sure = np.clip(probability, _SURE, 1 - _SURE)
    return np.log(sure) - np.log1p(-sure)
