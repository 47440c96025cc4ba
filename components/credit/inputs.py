"""From a table to what a model sees: numbers, and columns made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.common.artifact import Matrix
from components.credit.columns import Columns, ColumnsConfig
from components.credit.derived import Derived, DerivedConfig, learn_derived

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """How a row becomes numbers, learnt from training rows alone."""

    columns: Columns
    derived: Derived
    signs: tuple[int, ...]
    """Monotone constraint of each number that a model sees [f + k]."""

    @classmethod
    def learn(
        cls,
        frame: pd.DataFrame,
        bad: Floats,
        columns: ColumnsConfig,
        derived: DerivedConfig | None,
        monotone: Mapping[str, int],
    ) -> Inputs:
        """From training rows [n] and what turned out [n] in {0, 1}."""
        known = Columns.learn(frame, bad, columns)
        signs = tuple(monotone.get(name, 0) for name in known.names)
        if derived is None:
            return cls(known, Derived(), signs)
        plain = [name not in known.categories for name in known.names]
        made = learn_derived(known.encode(frame), bad, known.names, signs, derived, plain=plain)
        return cls(known, made, made.signs(signs))

    def rows(self, frame: pd.DataFrame) -> Matrix:
        """Rows [n, f + k] as a model sees them; NaN is null."""
        return self.derived.widen(self.columns.encode(frame))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what a model sees."""
        return self.derived.named(self.columns.names)
