"""How well every kind of credit model ranks defaults on any table, tuned and judged on other rows.

The peer is the same table with LightGBM as it comes, in the same folds. Five stratified folds; of
each the other four are all that tuning, choice and calibration see (nested cross-validation). The
case `chosen` is, in each fold, the kind that its own training rows had chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmarks.credit_table import CreditTable, read_credit_table
from benchmarks.report import Row, Say
from components.common.errors import bad_input
from components.common.evaluation import CALIBRATION_BINS
from components.credit.choosing import ChoosingConfig, choose_by_folds
from components.credit.columns import ColumnsConfig
from components.credit.comparing import Judged, roc_auc
from components.credit.tuning import TuningConfig

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
FOLDS = 5
CHOSEN = "chosen"
BUDGET = 200.0
"""Seconds of tuning, over all folds and kinds of models."""


@dataclass
class Case:
    """Probabilities of one model, fold by fold, and the time it took to make it."""

    judged: list[Judged] = field(default_factory=list)
    seconds: float = 0.0


def run(
    data: Path | None,
    say: Say,
    table: Path | None = None,
    target: str | None = None,
    positive: str | None = None,
    protected: str = "",
    budget: float = BUDGET,
) -> tuple[Row, ...]:
    """Measure on a table; `data` is not read.

    target: column to predict, of two values; positive: the one that is bad, where it is not told
    by 1, true or the like; protected: columns between commas that no model sees.
    """
    if table is None or target is None:
        raise bad_input(
            "no_table",
            "Say what to measure on, as --table ../shared/data/credit-german/german_credit.parquet "
            "--target bad.",
        )
    hidden = tuple(name.strip() for name in protected.split(",") if name.strip())
    known = read_credit_table(table, target, positive, hidden)
    cases, peer = measure(known, budget, say)
    return tuple(row for name, case in cases.items() for row in _rows(name, case, peer))


def measure(table: CreditTable, budget: float, say: Say) -> tuple[dict[str, Case], Case]:
    """Every kind of model and the chosen one on the folds of a table, and the peer."""
    from sklearn.model_selection import StratifiedKFold

    cases: dict[str, Case] = {}
    peer = Case()
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for number, (train, test) in enumerate(splits.split(table.rows, table.bad)):
        parts = table.taken(train), table.taken(test)
        said = _one_fold(cases, *parts, number, budget / FOLDS)
        _peer(peer, *parts)
        say(f"fold {number + 1} of {FOLDS}: {said}")
    return cases, peer


def _one_fold(
    cases: dict[str, Case], train: CreditTable, test: CreditTable, number: int, seconds: float
) -> str:
    """Choose on the training rows and judge on the others; what came out, in words."""
    began = perf_counter()
    config = ChoosingConfig(
        columns=ColumnsConfig(protected=train.protected),
        tuning=TuningConfig(seconds=seconds, seed=number + 1),
    )
    chosen = choose_by_folds((train.rows, train.bad), config)
    for name, entrant in chosen.entrants.items():
        case = cases.setdefault(name, Case())
        case.judged.append(Judged(test.bad, entrant.fitted.predict_proba(test.rows)))
        case.seconds += entrant.seconds
    case = cases.setdefault(CHOSEN, Case())
    case.judged.append(cases[chosen.kind].judged[-1])
    case.seconds += perf_counter() - began
    areas = ", ".join(f"{name} {roc_auc(case.judged[-1]):.4f}" for name, case in cases.items())
    return f"{areas} ({chosen.kind})"


def _peer(case: Case, train: CreditTable, test: CreditTable) -> None:
    import lightgbm

    began = perf_counter()
    seen, unseen = _as_it_comes(train.inputs), _as_it_comes(test.inputs)
    for name in seen.select_dtypes("category"):
        unseen[name] = unseen[name].cat.set_categories(seen[name].cat.categories)
    model = lightgbm.LGBMClassifier(verbose=-1, n_jobs=1).fit(seen, train.bad)
    said = np.asarray(model.predict_proba(unseen))[:, 1]
    case.judged.append(Judged(test.bad, said))
    case.seconds += perf_counter() - began


def _as_it_comes(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers as they are, everything else as a category, plain names."""
    kept = {
        f"c{place}": column.astype(float)
        if column.dtype.kind in "iufb"
        else column.astype("string").astype("category")
        for place, (_, column) in enumerate(frame.items())
    }
    return frame.assign(**kept)[list(kept)]


def _rows(name: str, case: Case, peer: Case) -> list[Row]:
    measured, beside = _metrics(case.judged), _metrics(peer.judged)
    rows = [Row(name, metric, value, "", beside[metric]) for metric, value in measured.items()]
    return [*rows, Row(name, "seconds", case.seconds, "s", peer.seconds)]


def _metrics(folds: Sequence[Judged]) -> dict[str, float]:
    """Means over the folds."""
    table = [_one(fold.bad, fold.margin, roc_auc(fold)) for fold in folds]
    return {metric: float(np.mean([one[metric] for one in table])) for metric in table[0]}


def _one(bad: Floats, probability: Floats, area: float) -> dict[str, float]:
    return {
        "roc_auc": area,
        "gini": 2 * area - 1,
        "ks": kolmogorov_smirnov(bad, probability),
        "brier": float(np.mean((probability - bad) ** 2)),
        "ece": calibration_error(bad, probability),
    }


def kolmogorov_smirnov(bad: Floats, probability: Floats) -> float:
    """Largest distance between the distributions of the scores of bad and good rows."""
    edges = np.unique(probability)
    shares = [
        np.searchsorted(np.sort(probability[bad == outcome]), edges, "right")
        / (bad == outcome).sum()
        for outcome in (0, 1)
    ]
    return float(np.max(np.abs(shares[0] - shares[1])))


def calibration_error(bad: Floats, probability: Floats) -> float:
    """Mean |mean probability − share of bad rows| over bins of equally many rows, by their size."""
    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, min(CALIBRATION_BINS, len(order)))
    gaps = [abs(float((probability[one] - bad[one]).sum())) for one in bins]
    return sum(gaps) / len(order)
