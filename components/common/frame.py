"""A training frame on disk: rows with a split, and which rows came before each one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from components.common.artifact import matrix
from components.common.lags import Numbers, Sequences, at_lag, parse_lag
from components.common.training_data import SPLIT

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FRAME, WINDOWS = "frame.parquet", "windows.json"
_PREVIOUS = "previous"


@dataclass(frozen=True)
class Frame:
    """Rows in order of time: those of the splits, and others that only came before one of them."""

    rows: pd.DataFrame
    previous: Numbers | None
    """Row numbers of the events before each one [n, lags], newest first; None without lags."""
    windows: dict[str, str]
    """Bounds of the splits (ISO 8601)."""

    def mask(self, *splits: str) -> npt.NDArray[np.bool_]:
        """Which rows are of these splits [n]."""
        return self.rows[SPLIT].isin(splits).to_numpy()

    def widened(self, inputs: tuple[str, ...], *splits: str) -> pd.DataFrame:
        """The rows of these splits with every lagged input beside their own columns.

        An input that the frame does not hold is left out, as `matrix` says in one sentence.
        """
        import pandas as pd

        chosen = np.flatnonzero(self.mask(*splits))
        rows = self.rows.iloc[chosen]
        lagged = {name: lag for name in inputs if (lag := self._lagged(name)) is not None}
        columns = {
            name: self._values(feature, lag, chosen) for name, (feature, lag) in lagged.items()
        }
        return pd.concat([rows, pd.DataFrame(columns, index=rows.index)], axis=1)

    def sequences(self, features: tuple[str, ...], *splits: str) -> Sequences:
        """The rows of these splits, each after the ones before it, newest first."""
        chosen = np.flatnonzero(self.mask(*splits)).astype(np.int32)
        past = np.empty((len(self.rows), 0), np.int32) if self.previous is None else self.previous
        index = np.concatenate([chosen[:, None], past[chosen]], axis=1)
        return Sequences(matrix(self.rows, features), index)

    def _lagged(self, name: str) -> tuple[str, int] | None:
        feature, lag = parse_lag(name)
        known = self.previous is not None and 0 < lag <= self.previous.shape[1]
        return (feature, lag) if known and feature in self.rows.columns else None

    def _values(self, feature: str, lag: int, chosen: npt.NDArray[np.integer]) -> Any:
        assert self.previous is not None  # noqa: S101 - `_lagged` says so
        return at_lag(self.rows[feature].to_numpy(np.float64), self.previous, chosen, lag)


def write_frame(
    folder: Path, rows: pa.Table, previous: Numbers | None, windows: dict[str, str]
) -> None:
    """Write a frame into a folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if previous is not None:
        lists = pa.FixedSizeListArray.from_arrays(pa.array(previous.ravel()), previous.shape[1])
        rows = rows.append_column(_PREVIOUS, lists)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, folder / FRAME)
    (folder / WINDOWS).write_text(json.dumps(windows, indent=1) + "\n", encoding="utf-8")


def read_frame(folder: Path) -> Frame:
    """The frame that `write_frame` wrote."""
    import pyarrow.parquet as pq

    table, previous = pq.read_table(folder / FRAME), None
    if _PREVIOUS in table.column_names:
        lists = table.column(_PREVIOUS).combine_chunks()
        previous = np.asarray(lists.flatten(), np.int32).reshape(table.num_rows, -1)
        table = table.drop_columns([_PREVIOUS])
    windows = json.loads((folder / WINDOWS).read_text(encoding="utf-8"))
    return Frame(table.to_pandas(), previous, windows)
