"""What training a fraud model has in common: from its artifact to a judged candidate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.common.domain import ModelSpec
from components.common.evaluation import Metric, Scored, scored
from components.common.frame import Frame
from components.common.judging import Made, judge_artifact
from components.common.slices import banded
from components.common.training_data import Labelled
from components.common.verdict import Verdict
from components.fraud import LABEL
from components.fraud.decision import Policy

if TYPE_CHECKING:
    import pandas as pd

PURPOSE = "Is this payment the customer's own? The score is the probability that it is not."

LABELLED = Labelled(
    events="transactions",
    key="transaction_id",
    outcomes="outcomes",
    label=LABEL,
    entities=("user_id", "merchant_id"),
)


def judge_candidate(
    spec: ModelSpec, frame: Frame, out: Path, made: Made, policy: Policy | None = None
) -> tuple[Verdict, dict[str, Metric]]:
    """Add thresholds and evidence to the exported artifact in `out`; what the gates say, and
    metrics.

    policy: the thresholds that go with it, the default ones unless told.
    """
    (policy or Policy()).write(out)
    return judge_artifact(spec, LABELLED.key, frame, out, made, measure, slices)


def measure(test: pd.DataFrame, score: object) -> Scored:
    """Test rows with scores, ready to be measured: by user, and by day since the test began."""
    began = test["event_timestamp"].min()
    return scored(
        test[LABEL],
        score,  # type: ignore[arg-type]
        entity=test["user_id"],
        day=(test["event_timestamp"] - began).dt.days,
    )


def slices(test: pd.DataFrame) -> dict[str, npt.ArrayLike]:
    """Name of a grouping → the group of each test row [n]: for whom might it fail?

    By what the frame holds of them: a frame may carry less than the features of fraud.
    """
    return {
        name: group(test[column].to_numpy(np.float64))
        for name, (column, group) in _GROUPINGS.items()
        if column in test
    }


def _by_size(amount: npt.NDArray[np.float64]) -> npt.ArrayLike:
    bounds = np.nanquantile(amount, (0.5, 0.9, 0.99)).round(2)
    return banded(amount, tuple(np.unique(bounds).tolist()))


_GROUPINGS: dict[str, tuple[str, Callable[[npt.NDArray[np.float64]], npt.ArrayLike]]] = {
    "payments known of the customer": ("history_count", lambda known: banded(known, (1, 10, 64))),
    "amount": ("amount", _by_size),
    "time": ("is_night", lambda night: np.where(night > 0, "night", "day")),
}
"""Name of a grouping → a feature, and the group of each of its values."""
