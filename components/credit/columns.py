"""Any table as numbers: which of its columns are inputs, and how each becomes one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.artifact import Matrix
from components.common.errors import bad_input

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
NUMBER, MOMENT, CATEGORY = "number", "moment", "category"


class ColumnsConfig(BaseModel):
    """What is taken for a category, and how sure one must be of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protected: tuple[str, ...] = ()
    """Columns that no model may see."""
    prior: float = Field(default=10.0, ge=0)
    """Rows of the average risk added to each category before they are put in order."""
    least_rows: int = Field(default=5, ge=1)
    """Rows of a category below which it counts as one never seen."""
    id_share: float = Field(default=0.9, gt=0, le=1)
    """Share of distinct texts from which a column names its rows and says nothing of others."""


@dataclass(frozen=True)
class Columns:
    """The inputs of a table and what their categories stand for.

    A category becomes its place in the order of risk among the training rows, so that whatever
    splits or bins numbers groups categories by rate. One never seen stands where the average risk
    would. A number stays itself, a truth 0 or 1, a moment days since 1970; null stays null.
    """

    names: tuple[str, ...]
    categories: dict[str, dict[str, float]]
    """Category column → category → its number."""
    unseen: dict[str, float]
    moments: frozenset[str] = frozenset()

    @classmethod
    def learn(cls, frame: pd.DataFrame, bad: Floats, config: ColumnsConfig) -> Columns:
        """The inputs of training rows [n] against what turned out [n] in {0, 1}.

        Left out: protected columns, columns of one value, and what only names its row.
        Raises `FinloopError("no_inputs")` where nothing is left.
        """
        taken = [name for name in frame.columns if str(name) not in config.protected]
        taken = [name for name in taken if _speaks(frame[name], config)]
        if not taken:
            raise bad_input(
                "no_inputs", "No column is left to learn from; give a table with more columns."
            )
        kinds = {name: _kind(frame[name]) for name in taken}
        texts = [name for name, kind in kinds.items() if kind == CATEGORY]
        orders = {str(name): _order(frame[name], bad, config) for name in texts}
        return cls(
            tuple(map(str, taken)),
            {name: places for name, (places, _) in orders.items()},
            {name: middle for name, (_, middle) in orders.items()},
            frozenset(str(name) for name, kind in kinds.items() if kind == MOMENT),
        )

    def encode(self, frame: pd.DataFrame) -> Matrix:
        """Rows as numbers [n, f], null and not finite as NaN."""
        missing = [name for name in self.names if name not in frame.columns]
        if missing:
            raise bad_input(
                "missing_inputs", f"The table lacks these inputs: {', '.join(missing)}."
            )
        columns = [self._numbers(name, frame[name]) for name in self.names]
        with np.errstate(over="ignore"):
            rows = np.stack(columns, axis=1).astype(np.float32)
        return np.where(np.isfinite(rows), rows, np.float32(np.nan))

    def _numbers(self, name: str, column: pd.Series[Any]) -> Floats:
        import pandas as pd

        if name in self.categories:
            known = _texts(column)
            places = known.map(self.categories[name]).to_numpy(np.float64, na_value=np.nan)
            found = np.where(known.notna() & np.isnan(places), self.unseen[name], places)
            return found.astype(np.float64)
        if name in self.moments:
            days = (_as_moments(column) - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
            return np.asarray(days, dtype=np.float64)
        return _as_numbers(column).to_numpy(np.float64, na_value=np.nan)


def _kind(column: pd.Series[Any]) -> str:
    """What a column holds: numbers, moments or categories; texts that all read as one of the
    first two are taken for it."""
    from pandas.api import types

    kind = column.dtype
    if types.is_datetime64_any_dtype(kind):
        return MOMENT
    if types.is_bool_dtype(kind) or types.is_numeric_dtype(kind):
        return NUMBER
    known = column.dropna()
    if known.map(lambda one: isinstance(one, bool)).any():
        return CATEGORY
    if _as_numbers(known).notna().all():
        return NUMBER
    return MOMENT if _as_moments(known).notna().all() else CATEGORY


def _as_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.to_numeric(column, errors="coerce")


def _as_moments(column: pd.Series[Any]) -> pd.Series[Any]:
    """Moments of dates or of texts that begin with one as ISO 8601 has it; others are null."""
    import pandas as pd

    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        texts = column.astype("string")
        column = texts.where(texts.str.match(r"\d{4}-\d{2}-\d{2}").fillna(False))
    return pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")


def _speaks(column: pd.Series[Any], config: ColumnsConfig) -> bool:
    """Whether a column can tell one row from another and yet say something of the next row."""
    known = column.dropna()
    distinct = known.astype(str).nunique()
    if distinct < 2 and (not distinct or len(known) == len(column)):
        return False  # one value or null says something
    if _kind(column) == CATEGORY:
        return distinct < config.id_share * len(known)
    return not _counts_rows(known)


def _counts_rows(known: pd.Series[Any]) -> bool:
    """Whether whole numbers only number the rows: each once, and next to one another."""
    from pandas.api import types

    if not types.is_integer_dtype(known.dtype) or not known.is_unique or len(known) < 20:
        return False
    return bool(known.max() - known.min() < 2 * len(known))


def _texts(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.astype("string").str.strip()


def _order(
    column: pd.Series[Any], bad: Floats, config: ColumnsConfig
) -> tuple[dict[str, float], float]:
    """Category → place in the order of risk, and the place of the average risk."""
    import pandas as pd

    average = float(bad.mean())
    tally = pd.Series(bad, index=column.index).groupby(_texts(column)).agg(["sum", "count"])
    tally = tally[tally["count"] >= config.least_rows]
    risk = (tally["sum"] + config.prior * average) / (tally["count"] + config.prior)
    ranked = sorted(risk.items(), key=lambda one: (one[1], str(one[0])))
    places = {str(name): float(place) for place, (name, _) in enumerate(ranked)}
    return places, float((risk < average).sum()) - 0.5
