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
from components.common.parity import Floats, mismatches
from components.common.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

_COMPARED = 200
"""Rows of a frame that the online engine makes once more."""
_NAMED = 5


def require_parity(settings: Settings, domain: Domain, frame: pa.Table) -> None:
    """Refuse a frame whose rows the online engine of its domain makes otherwise.

    Nothing that was trained on another's features is ever released. A domain says in
    `components/<domain>/online.py` how: `recompute(settings, rows)`. Raises
    `FinloopError("online_differs")` with the features and a value of each engine.
    """
    if not find_spec(f"components.{domain.name}.online"):
        return
    places = np.unique(np.linspace(0, frame.num_rows - 1, _COMPARED).astype(int))
    rows = frame.take(places).to_pandas()
    online = import_module(f"components.{domain.name}.online").recompute(settings, rows)
    known = import_module(f"components.{domain.name}.features").FEATURES
    offline = {name: rows[name].to_numpy(np.float64, na_value=np.nan) for name in online}
    found = mismatches((feature for feature in known if feature.name in online), offline, online)
    if found:
        raise refused(
            "online_differs",
            f"The online engine gives other values than the frame for {len(found)} features, so "
            f"nothing was trained: {_named(found, offline, online)}. Make both engines agree, or "
            "run `finloop run data` where the tables are old.",
        )


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
