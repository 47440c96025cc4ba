"""Customers of a window as the model sees them: what was known before, what they did in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.common.training_data import SPLIT
from components.recommendation.catalogue import INPUTS, Catalogue, History, weights
from components.recommendation.interactions import history_of

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

MOST = 5_000
"""Customers that are measured at most, evenly over their ids, which are in no order."""
_SECONDS_OF_DAY = 86_400.0


@dataclass(frozen=True)
class People:
    """Customers who first paid somewhere in a window."""

    users: tuple[str, ...]
    inputs: npt.NDArray[np.float64]
    """[n, inputs] as of its beginning; NaN for none."""
    seen: npt.NDArray[np.bool_]
    """[n, merchants] where they had paid by then."""
    new: npt.NDArray[np.bool_]
    """[n, merchants] where they first paid in it."""


def people_of(
    rows: pd.DataFrame,
    catalogue: Catalogue,
    began: datetime,
    window: str,
    known: tuple[str, ...],
    ranked: Catalogue | None = None,
) -> People:
    """The customers of a window with something new in it.

    rows: a frame; known: the windows before. Inputs are numbered by `catalogue`, the columns of
    `seen` and `new` by `ranked` where that is another one.
    """
    ranked = ranked or catalogue
    new = rows[(rows[SPLIT] == window) & rows["is_new"]]
    new = new[new["merchant_id"].isin(ranked.row_of)]
    users = _spread(sorted(new["user_id"].unique()))
    before = history_of(rows, *known)
    before = before[before["user_id"].isin(users)].sort_values("last", ascending=False)
    told = {str(user): _history(paid) for user, paid in before.groupby("user_id", sort=False)}
    given = [catalogue.inputs(told.get(user, History()), began) for user in users]
    inputs = np.array([[one.get(name, np.nan) for name in INPUTS] for one in given])
    return People(
        tuple(users),
        inputs.reshape(len(users), len(INPUTS)),
        _marked(users, ranked, before),
        _marked(users, ranked, new),
    )


def weights_matrix(
    rows: pd.DataFrame, catalogue: Catalogue, now: datetime, *windows: str
) -> csr_matrix:
    """[customers, merchants] weights of what was paid in some windows, as of a moment."""
    from scipy.sparse import csr_matrix

    paid = history_of(rows, *windows)
    age = (now - paid["last"]).dt.total_seconds() / _SECONDS_OF_DAY
    users = paid["user_id"].astype("category").cat
    columns = paid["merchant_id"].map(catalogue.row_of)
    weight = weights(paid["count"], age).astype(np.float32)
    shape = (len(users.categories), len(catalogue))
    return csr_matrix((weight, (users.codes, columns)), shape=shape)


def _spread(users: list[str]) -> list[str]:
    chosen = np.unique(np.linspace(0, len(users) - 1, min(MOST, len(users))).astype(int))
    return [users[place] for place in chosen]


def _history(paid: pd.DataFrame) -> History:
    newest = paid["last"].astype("datetime64[us, UTC]").astype("int64")
    return History(
        tuple(paid["merchant_id"]), tuple(paid["count"].astype(int)), tuple(newest.tolist())
    )


def _marked(users: list[str], catalogue: Catalogue, pairs: pd.DataFrame) -> npt.NDArray[np.bool_]:
    place = {user: row for row, user in enumerate(users)}
    known = pairs[pairs["user_id"].isin(place) & pairs["merchant_id"].isin(catalogue.row_of)]
    marked = np.zeros((len(users), len(catalogue)), dtype=bool)
    marked[known["user_id"].map(place), known["merchant_id"].map(catalogue.row_of)] = True
    return marked
