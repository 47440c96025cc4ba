"""Any table with a column of two outcomes, read so that a mistake is one clear sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from components.common.errors import bad_input

if TYPE_CHECKING:
    import pandas as pd

BAD = {"1", "1.0", "true", "yes", "y", "t", "bad", "default", "defaulted"}
"""What stands for the bad outcome where nobody says which value does."""
LEAST = 10
"""Rows of each outcome without which five folds say nothing."""


@dataclass(frozen=True)
class CreditTable:
    """Rows [n] without their outcome, what turned out [n] in {0, 1}, and what no model may see."""

    rows: pd.DataFrame
    bad: npt.NDArray[np.float64]
    protected: tuple[str, ...]

    @property
    def inputs(self) -> pd.DataFrame:
        """The columns that a model may see."""
        return self.rows.drop(columns=list(self.protected))

    def taken(self, places: npt.NDArray[np.integer[Any]]) -> CreditTable:
        """Some of the rows, by their numbers."""
        rows = self.rows.iloc[places].reset_index(drop=True)
        return replace(self, rows=rows, bad=self.bad[places])


def read_credit_table(
    path: Path, target: str, positive: str | None, protected: tuple[str, ...]
) -> CreditTable:
    """The table in a Parquet or CSV file; rows whose outcome is null are left out.

    Raises `FinloopError` where the file, a column or the outcomes are not as they must be.
    """
    frame = _read(path)
    _require(frame, (target, *protected), path)
    frame = frame[frame[target].notna()].reset_index(drop=True)
    if frame.empty:
        raise bad_input(
            "empty_table", f"{path} holds no row with a value in {target}; give a filled table."
        )
    bad = _outcomes(frame[target], target, positive)
    fewer = int(min(bad.sum(), len(bad) - bad.sum()))
    if fewer < LEAST:
        raise bad_input(
            "too_few_rows",
            f"Only {fewer} rows of {path} have the rarer outcome; at least {LEAST} are needed.",
        )
    return CreditTable(frame.drop(columns=target), bad, protected)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    if not path.is_file():
        raise bad_input("no_table", f"There is no file {path}; give one with --table.")
    try:
        frame = pd.read_csv(path) if _is_csv(path) else pd.read_parquet(path)
    except (ValueError, OSError, pa.ArrowException) as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise bad_input(
            "table_unreadable", f"{path} cannot be read as Parquet or CSV: {why}."
        ) from error
    frame.columns = [str(name) for name in frame.columns]
    repeated = sorted(set(frame.columns[frame.columns.duplicated()]))
    if repeated:
        raise bad_input(
            "table_unreadable", f"{path} has several columns named {', '.join(repeated)}."
        )
    return frame


def _is_csv(path: Path) -> bool:
    return any(suffix in (".csv", ".txt", ".tsv") for suffix in path.suffixes)


def _require(frame: pd.DataFrame, names: tuple[str, ...], path: Path) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise bad_input(
            "unknown_column",
            f"{path} has no column {', '.join(missing)}; its columns are "
            f"{', '.join(frame.columns[:40])}.",
        )


def _outcomes(column: pd.Series[Any], target: str, positive: str | None) -> Any:
    """1 where the outcome is the bad one, 0 elsewhere [n]."""
    values = {str(value): value for value in column.unique()}
    if len(values) < 2:
        raise bad_input(
            "one_class", f"The column {target} holds {', '.join(values)} only; two are needed."
        )
    if positive is None:
        positive = _bad_of(values, target)
    found = [name for name in values if _same(name, positive)]
    if not found:
        raise bad_input(
            "unknown_value",
            f"No row of {target} is {positive}; its values are {', '.join(list(values)[:20])}.",
        )
    return column.astype(str).isin(found).to_numpy(np.float64)


def _bad_of(values: dict[str, Any], target: str) -> str:
    named = [name for name in values if name.lower() in BAD]
    if len(values) == 2 and len(named) == 1:
        return named[0]
    some = ", ".join(list(values)[:20])
    raise bad_input(
        "which_value",
        f"The column {target} holds {len(values)} values ({some}); say with --positive which one "
        "is the bad outcome.",
    )


def _same(name: str, wanted: str) -> bool:
    """Whether a value is the wanted one, as text or as a number."""
    try:
        return name == wanted or float(name) == float(wanted)
    except ValueError:
        return False
