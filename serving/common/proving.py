"""A version scores here what it scored when it was evaluated, asked the way that requests ask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.common.artifact import Scorer, Scores
from components.common.errors import FinloopError
from components.common.evidence import SAMPLE, SCORE

_ROUNDING = 1e-6
"""One row at a time adds up in another order than many, in float32."""


def unproven(files: Path) -> tuple[str, ...]:
    """What stands against serving an artifact, a sentence each; empty where nothing does.

    Every row of its sealed sample goes through the served graph as a request does: named values,
    one row, nulls where nothing is known. A score is a number, or a list of them where the graph
    ranks. Artifacts without a sample prove nothing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not (files / SAMPLE).exists():
        return ()
    try:
        scorer, rows = Scorer.load(files), pq.read_table(files / SAMPLE).to_pylist()
        pairs = [(np.ravel(row[SCORE]), _score(scorer, row)) for row in rows]
    except (FinloopError, pa.ArrowException, OSError, KeyError) as error:
        return (f"Its sample cannot be scored here ({type(error).__name__}).",)
    wrong = [pair for pair in pairs if not _same(*pair)]
    if not wrong:
        return ()
    expected, found = wrong[0]
    return (
        f"It scores {len(wrong)} of {len(rows)} sampled rows otherwise than when it was "
        f"evaluated, the first {found[0]:.6g} instead of {expected[0]:.6g}.",
    )


def _score(scorer: Scorer, row: Mapping[str, Any]) -> Scores:
    return np.ravel(scorer.score(scorer.vector(row))[0])


def _same(expected: Scores, found: Scores) -> bool:
    return expected.shape == found.shape and np.allclose(expected, found, rtol=0, atol=_ROUNDING)
