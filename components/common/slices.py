"""How good a model is for parts of its test rows: an average hides whom it fails."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from components.common.evaluation import Scored, evaluate, part_of
from components.common.section import Cell, Section

TITLE = "Slices"
_HEAD = ("slice", "rows", "positives", "share", "mean score", "roc auc", "95 % interval")
_RESAMPLES = 50
"""Draws behind an interval of a slice: for the eye, no gate reads it."""


def slice_section(rows: Scored, groups: Mapping[str, npt.ArrayLike]) -> Section:
    """Each group of each grouping with its own metrics, in the order of the groupings.

    groups: name of a grouping → the group of each row [n]; a row of the group None is in none.
    """
    table = tuple(
        (f"{name}: {group}", *_measured(part_of(rows, members == group)))
        for name, members in ((name, np.asarray(of, dtype=object)) for name, of in groups.items())
        for group in sorted({str(one) for one in members if one is not None})
    )
    text = (
        "Mean score and share of positives should agree in every slice; where an area is missing, "
        "the slice holds one class only.",
    )
    return Section(TITLE, text, _HEAD, table)


def banded(
    values: npt.ArrayLike, bounds: tuple[float, ...], unit: str = ""
) -> npt.NDArray[np.object_]:
    """The band of each value [n] between ascending bounds, as words; `unknown` where it is null."""
    number = np.asarray(values, dtype=np.float64)
    names = [f"under {bounds[0]:g}{unit}"]
    names += [f"{low:g}–{high:g}{unit}" for low, high in pairwise(bounds)]
    names += [f"{bounds[-1]:g}{unit} and more"]
    found = np.array(names, dtype=object)[np.searchsorted(bounds, number, side="right")]
    found[np.isnan(number)] = "unknown"
    return found


def _measured(part: Scored) -> tuple[Cell, ...]:
    positives = int(part.label.sum())
    share, mean = float(part.label.mean()), float(part.score.mean())
    told = (len(part.label), positives, share, mean)
    if positives in (0, len(part.label)):
        return (*told, None, None)
    area = evaluate(part, resamples=_RESAMPLES)["roc_auc"]
    return (*told, area.value, f"{area.low:.3f} to {area.high:.3f}")
