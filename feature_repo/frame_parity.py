"""A frame is trained on only where the online engine makes its rows just so."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.common.domain import Domain
from components.common.errors import refused
from components.common.lags import Numbers, at_lag, parse_lag
from components.common.parity import Floats, lagged, mismatches
from components.common.settings import Settings
from components.common.training_data import CONTEXT, SPLIT

if TYPE_CHECKING:
    import pyarrow as pa

_COMPARED = 200
"""Labelled rows of a frame that the online engine makes once more."""
_NAMED = 5


def require_parity(
    settings: Settings, domain: Domain, frame: pa.Table, previous: Numbers | None
) -> None:
    """Refuse a frame whose rows the online engine of its domain makes otherwise.

    previous: row numbers of the events before each row [n, lags], newest first; their features are
    inputs as well. Nothing that was trained on another's features is ever released. A domain says
    in `components/<domain>/online.py` how: `recompute(settings, rows, lags)`. Raises
    `FinloopError("online_differs")` with the features and a value of each engine.
    """
    if not find_spec(f"components.{domain.name}.online"):
        return
    places, lags = _sample(frame), 0 if previous is None else previous.shape[1]
    rows = frame.take(places).to_pandas()
    online = import_module(f"components.{domain.name}.online").recompute(settings, rows, lags)
    known = import_module(f"components.{domain.name}.features").FEATURES
    offline = {name: _column(frame, previous, places, name) for name in online}
    features = (*known, *lagged(known, lags))
    found = mismatches((feature for feature in features if feature.name in online), offline, online)
    if found:
        raise refused(
            "online_differs",
            f"The online engine gives other values than the frame for {len(found)} features, so "
            f"nothing was trained: {_named(found, offline, online)}. Make both engines agree, or "
            "run `finloop run data` where the tables are old.",
        )


def _sample(frame: pa.Table) -> npt.NDArray[np.int64]:
    """Numbers of rows from the whole time of the frame; what is only context is seen as a lag."""
    told = np.flatnonzero(frame.column(SPLIT).to_numpy() != CONTEXT)
    return told[np.unique(np.linspace(0, len(told) - 1, _COMPARED).astype(int))]


def _column(
    frame: pa.Table, previous: Numbers | None, places: npt.NDArray[np.int64], name: str
) -> Floats:
    """An input of some rows as a model would be trained on it, NaN for null."""
    feature, lag = parse_lag(name)
    values = frame.column(feature).to_numpy().astype(np.float64)  # a null becomes NaN
    if not lag or previous is None:
        return values[places]
    return at_lag(values, previous, places, lag)


def _named(
    found: Mapping[str, npt.NDArray[np.int64]],
    offline: Mapping[str, Floats],
    online: Mapping[str, Floats],
) -> str:
    """The first features that differ, with a value of each engine."""
    return "; ".join(
        f"{name} in {len(rows)} rows, as {offline[name][rows[0]]:.9g} and "
        f"{online[name][rows[0]]:.9g} online"
        for name, rows in list(found.items())[:_NAMED]
    )
