"""Whether two engines gave the same features: every value of every row, null for null."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from components.common.features import Feature
from components.common.lags import lag_name

RELATIVE = 1e-9
"""Two engines add the same numbers in another order: a few units in the sixteenth digit, and more
where a small difference of large numbers is divided. Models see seven digits (float32)."""

Floats = npt.NDArray[np.float64]


def mismatches(
    features: Iterable[Feature], offline: Mapping[str, Floats], online: Mapping[str, Floats]
) -> dict[str, npt.NDArray[np.int64]]:
    """Feature → the rows in which the engines differ beyond rounding; only features with any.

    Columns by name, each [n], NaN for null; a null equals a null and nothing else. Absolute
    rounding is what each feature declares (`Feature.rounding`).
    """
    found = {f.name: different(offline[f.name], online[f.name], f.rounding) for f in features}
    return {name: rows for name, rows in found.items() if len(rows)}


def lagged(features: Iterable[Feature], lags: int) -> Iterator[Feature]:
    """The features as inputs of the events before: of the one just before, and so on."""
    known = tuple(features)
    for lag in range(1, lags + 1):
        for feature in known:
            yield replace(feature, name=lag_name(feature.name, lag))


def different(offline: Floats, online: Floats, rounding: float) -> npt.NDArray[np.int64]:
    """The rows of two columns [n] that differ beyond rounding, or in one of which is a null."""
    close = np.isclose(offline, online, rtol=RELATIVE, atol=rounding, equal_nan=True)
    return np.flatnonzero(~close)
