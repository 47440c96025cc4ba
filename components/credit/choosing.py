"""Which model scores credit: every kind tuned, compared on rows it has not seen, one chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from components.common.calibration import BetaCalibration
from components.common.errors import bad_input, refused
from components.credit.candidates import CANDIDATES, Candidate
from components.credit.columns import ColumnsConfig
from components.credit.comparing import Judged, auc_difference, roc_auc, simplest_of_the_best
from components.credit.derived import DerivedConfig
from components.credit.fitted import Fitted
from components.credit.inputs import Inputs
from components.credit.tuning import Fold, Tuned, TuningConfig, tune

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Labelled = tuple["pd.DataFrame", npt.ArrayLike]
"""Rows [n] and what turned out [n] in {0, 1}."""
Say = Callable[[str], None]


class ChoosingConfig(BaseModel):
    """How a model is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[str, ...] = tuple(kind.name for kind in CANDIDATES)
    """Kinds of models that are tried."""
    columns: ColumnsConfig = ColumnsConfig()
    """Which columns are inputs; the protected ones never are."""
    derived: DerivedConfig | None = DerivedConfig()
    """Columns made of others; null for none."""
    monotone: dict[str, int] = {}
    """Column → +1 where more of it never lowers the risk, −1 where it never raises it."""
    tuning: TuningConfig = TuningConfig()
    """How much is tried."""
    refit: bool = True
    """Whether the chosen model learns once more from all rows, after its calibration is fitted."""


@dataclass(frozen=True)
class Entrant:
    """A kind of model at its best configuration, and how it did on rows it had not seen."""

    config: Candidate
    judged: tuple[Judged, ...]
    fitted: Fitted
    seconds: float
    """Time it took to tune and to fit."""

    @property
    def roc_auc(self) -> float:
        """Mean over what it was judged on."""
        return float(np.mean([roc_auc(one) for one in self.judged]))


@dataclass(frozen=True)
class Chosen:
    """The simplest of the best, and everyone it was compared with."""

    fitted: Fitted
    kind: str
    entrants: dict[str, Entrant] = field(default_factory=dict)

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Calibrated probabilities of default [n] of rows."""
        return self.fitted.predict_proba(frame)

    def comparison(self) -> dict[str, dict[str, Any]]:
        """For the card: of each kind its area, what it lacks to the best, and its configuration."""
        best = max(self.entrants.values(), key=lambda one: one.roc_auc)
        return {kind: _told(one, best) for kind, one in self.entrants.items()}


def choose(
    train: Labelled,
    later: Labelled,
    config: ChoosingConfig | None = None,
    say: Say | None = None,
) -> Chosen:
    """The simplest of the best on rows that happened after those it has learnt from.

    Tuned by cross-validation on `train`, compared and calibrated on `later`, then fitted on both.
    Raises `FinloopError("one_class")` where either holds one outcome only.
    """
    import pandas as pd

    config = config or ChoosingConfig()
    rows, bad = train[0], _labels(train[1])
    later_rows, later_bad = later[0], _labels(later[1])
    inputs = _learn_inputs(config, rows, bad)
    seen, unseen = inputs.rows(rows), inputs.rows(later_rows)
    everything = pd.concat([rows, later_rows], ignore_index=True), np.append(bad, later_bad)
    entrants = {}
    for tuned in _tuned(config, rows, bad, say):
        began = perf_counter()
        trees = tuned.config.fit(seen, bad, inputs.signs, config.tuning.seed)
        judged = (Judged(later_bad, trees.margin(unseen)),)
        calibration = BetaCalibration.fit(judged[0].margin, later_bad)
        fitted = Fitted(inputs, trees, calibration)
        seconds = tuned.seconds + perf_counter() - began
        entrants[tuned.config.name] = Entrant(tuned.config, judged, fitted, seconds)
    kind = _simplest(entrants)
    one = entrants[kind]
    if not config.refit:
        return Chosen(one.fitted, kind, entrants)
    return Chosen(_fit(config, one.config, *everything, one.fitted.calibration), kind, entrants)


def choose_by_folds(
    train: Labelled, config: ChoosingConfig | None = None, say: Say | None = None
) -> Chosen:
    """The simplest of the best where rows have no order in time.

    Tuned, compared and calibrated on the folds of one cross-validation, every kind then fitted on
    all rows; whoever wants to know how good it is asks it of other rows.
    """
    config = config or ChoosingConfig()
    rows, bad = train[0], _labels(train[1])
    entrants = {}
    for tuned in _tuned(config, rows, bad, say):
        began = perf_counter()
        margin = np.concatenate([one.margin for one in tuned.judged])
        calibration = BetaCalibration.fit(margin, np.concatenate([one.bad for one in tuned.judged]))
        fitted = _fit(config, tuned.config, rows, bad, calibration)
        seconds = tuned.seconds + perf_counter() - began
        entrants[tuned.config.name] = Entrant(tuned.config, tuned.judged, fitted, seconds)
    kind = _simplest(entrants)
    return Chosen(entrants[kind].fitted, kind, entrants)


def _tuned(
    config: ChoosingConfig, rows: pd.DataFrame, bad: Floats, say: Say | None
) -> Sequence[Tuned]:
    kinds = _kinds(config.kinds)
    folds = _folds(config, rows, bad)
    found = []
    for kind in kinds:
        found.append(tune(kind, folds, config.tuning, config.tuning.seconds / len(kinds)))
        if say is not None:
            say(f"{kind.name}: ROC AUC {found[-1].roc_auc:.4f} in cross-validation")
    return found


def _kinds(names: Sequence[str]) -> list[type[Candidate]]:
    known = {kind.name: kind for kind in CANDIDATES}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise bad_input(
            "unknown_kind",
            f"There is no kind of model named {', '.join(unknown) or 'nothing'}; choose of: "
            f"{', '.join(known)}.",
        )
    return [known[name] for name in names]


def _folds(config: ChoosingConfig, rows: pd.DataFrame, bad: Floats) -> list[Fold]:
    """Stratified folds, each with inputs learnt from its own training rows."""
    from sklearn.model_selection import StratifiedKFold

    least = int(min(bad.sum(), (1 - bad).sum()))
    if least < config.tuning.folds:
        raise refused(
            "too_few_rows",
            f"There are only {least} rows of one of the two outcomes; {config.tuning.folds} are "
            "needed to compare models.",
        )
    seed = config.tuning.seed
    splits = StratifiedKFold(config.tuning.folds, shuffle=True, random_state=seed)
    return [
        _fold(config, rows.iloc[train], bad[train], rows.iloc[test], bad[test])
        for train, test in splits.split(rows, bad)
    ]


def _fold(
    config: ChoosingConfig,
    rows: pd.DataFrame,
    bad: Floats,
    judged_rows: pd.DataFrame,
    judged_bad: Floats,
) -> Fold:
    inputs = _learn_inputs(config, rows, bad)
    return Fold(inputs.rows(rows), bad, inputs.signs, inputs.rows(judged_rows), judged_bad)


def _learn_inputs(config: ChoosingConfig, rows: pd.DataFrame, bad: Floats) -> Inputs:
    return Inputs.learn(rows, bad, config.columns, config.derived, config.monotone)


def _fit(
    config: ChoosingConfig,
    candidate: Candidate,
    rows: pd.DataFrame,
    bad: Floats,
    calibration: BetaCalibration,
) -> Fitted:
    inputs = _learn_inputs(config, rows, bad)
    trees = candidate.fit(inputs.rows(rows), bad, inputs.signs, config.tuning.seed)
    return Fitted(inputs, trees, calibration)


def _simplest(entrants: dict[str, Entrant]) -> str:
    names = list(entrants)
    place = simplest_of_the_best(
        [entrants[name].judged for name in names], [entrants[name].config.rank for name in names]
    )
    return names[place]


def _told(one: Entrant, best: Entrant) -> dict[str, Any]:
    behind = auc_difference(best.judged, one.judged)
    return {
        "roc_auc": one.roc_auc,
        "behind_the_best": behind.mean,
        "standard_error": behind.standard_error,
        "configuration": one.config.model_dump(),
    }


def _labels(labels: npt.ArrayLike) -> Floats:
    bad = np.asarray(labels).astype(np.float64)
    if len(np.unique(bad)) < 2:
        raise refused(
            "one_class", "The rows to learn from hold one outcome only; take a longer time span."
        )
    return bad
