"""The artifact as it is served: the merchants, and how a history becomes the inputs of the graph.

Beside the graph an artifact folder holds `merchants.parquet`: a row for each output of the graph,
with id, name, category, place, customers and the rows of its neighbours (the merchants whose
customers it shares most, nearest first). Nothing in it names a person, neither by id nor by
pseudonym, so that an erasure leaves sealed artifacts as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from components.common.errors import bad_input

if TYPE_CHECKING:
    import pandas as pd

MERCHANTS = "merchants.parquet"
SEEN = 50
"""Merchants of a history that the graph sees, the newest payment first."""
HALF_LIFE_DAYS = 60.0
"""Age at which a payment counts half."""
INPUTS = tuple(f"{what}_{place}" for what in ("merchant", "weight") for place in range(1, SEEN + 1))
"""Inputs of a graph: rows of merchants, and how much each of them weighs; NaN for none."""

Floats = npt.NDArray[np.float64]
_DAY = 86_400_000_000.0
"""Microseconds."""


@dataclass(frozen=True)
class History:
    """Where a customer paid, the newest first."""

    merchants: Sequence[str] = ()
    counts: Sequence[int] = ()
    last_paid: Sequence[int] = ()
    """Microseconds since 1970."""

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> History:
        """From the columns of the online view; empty where there are none."""
        parts = [columns.get(name) or () for name in ("merchants", "counts", "last_paid")]
        return cls(*(tuple(part) for part in parts))

    def __len__(self) -> int:
        return len(self.merchants)


@dataclass(frozen=True)
class Merchant:
    """What is known of one merchant."""

    merchant_id: str
    name: str
    category: str
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True)
class Catalogue:
    """The merchants that a version knows, in the order of its outputs."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    categories: tuple[str, ...]
    latitude: Floats
    longitude: Floats
    """Degrees; NaN of a merchant without a place."""
    users: Floats
    """Customers in the training window."""
    neighbours: tuple[tuple[int, ...], ...]

    @classmethod
    def read(cls, folder: Path) -> Catalogue:
        """The catalogue of an artifact folder.

        Raises `FinloopError("catalogue_unreadable")` where the file is missing or another's.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            rows = pq.read_table(folder / MERCHANTS).to_pydict()
            return cls(
                tuple(rows["merchant_id"]),
                tuple(rows["name"]),
                tuple(rows["category"]),
                np.array(rows["latitude"], dtype=float),
                np.array(rows["longitude"], dtype=float),
                np.array(rows["users"], dtype=float),
                tuple(tuple(one) for one in rows["neighbours"]),
            )
        except (OSError, pa.ArrowException, KeyError, TypeError) as error:
            raise bad_input(
                "catalogue_unreadable",
                f"The merchants in {folder} cannot be read ({type(error).__name__}).",
            ) from error

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Merchant → its row."""
        return {merchant: row for row, merchant in enumerate(self.ids)}

    @cached_property
    def known_categories(self) -> tuple[str, ...]:
        """Every category, in alphabetical order."""
        return tuple(sorted(set(self.categories)))

    @cached_property
    def category_codes(self) -> npt.NDArray[np.int64]:
        """The number of each merchant's category among `known_categories`."""
        number = {name: code for code, name in enumerate(self.known_categories)}
        return np.array([number[name] for name in self.categories], dtype=np.int64)

    def sells(self, category: str) -> npt.NDArray[np.bool_]:
        """Which merchants are of a category; none of one that is not known."""
        if category not in self.known_categories:
            return np.zeros(len(self), dtype=bool)
        return self.category_codes == self.known_categories.index(category)

    @cached_property
    def popularity(self) -> npt.NDArray[np.int64]:
        """Rows with the most customers first; equal ones by id."""
        return np.lexsort((np.arange(len(self)), -self.users))

    def rows(self, merchants: Sequence[str]) -> npt.NDArray[np.int64]:
        """Rows of the merchants that are known here, in their order."""
        found = [self.row_of[one] for one in merchants if one in self.row_of]
        return np.array(found, dtype=np.int64)

    def only(self, row: int) -> Catalogue:
        """The catalogue of one merchant."""
        one = slice(row, row + 1)
        places = (self.latitude[one], self.longitude[one], self.users[one])
        texts = (self.ids[one], self.names[one], self.categories[one])
        return Catalogue(*texts, *places, self.neighbours[one])

    def merchant(self, row: int) -> Merchant:
        """What is known of the merchant of a row."""
        place = [float(self.latitude[row]), float(self.longitude[row])]
        known = [None if np.isnan(value) else value for value in place]
        return Merchant(self.ids[row], self.names[row], self.categories[row], known[0], known[1])

    def inputs(self, history: History, now: datetime) -> dict[str, float]:
        """The inputs of the graph for a history at a moment, by name; those of nothing left out."""
        newest = [
            (self.row_of[merchant], count, paid)
            for merchant, count, paid in zip(
                history.merchants, history.counts, history.last_paid, strict=True
            )
            if merchant in self.row_of
        ][:SEEN]
        if not newest:
            return {}
        rows, counts, paid = (np.array(column, dtype=float) for column in zip(*newest, strict=True))
        weight = weights(counts, (now.timestamp() * 1e6 - paid) / _DAY)
        places = range(1, len(rows) + 1)
        return {
            **{f"merchant_{place}": float(row) for place, row in zip(places, rows, strict=True)},
            **{f"weight_{place}": float(w) for place, w in zip(places, weight, strict=True)},
        }


def weights(counts: npt.ArrayLike, age_days: npt.ArrayLike) -> Floats:
    """How much payments at a merchant say: ln(1 + count), halved with every 60 days of age."""
    age = np.maximum(np.asarray(age_days, dtype=float), 0.0)
    return np.log1p(np.asarray(counts, dtype=float)) * 0.5 ** (age / HALF_LIFE_DAYS)


def write_merchants(folder: Path, content: pd.DataFrame, neighbours: npt.NDArray[np.int64]) -> None:
    """Write `merchants.parquet` of an artifact: the content of merchants with their neighbours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["merchant_id", "name", "category", "latitude", "longitude", "users"]
    table = pa.Table.from_pandas(content[columns], preserve_index=False)
    near = pa.array([list(map(int, row[row >= 0])) for row in neighbours], pa.list_(pa.int32()))
    pq.write_table(table.append_column("neighbours", near), folder / MERCHANTS)
