"""The recommender and its baselines on a leave-one-out test: HR@10 and NDCG@10.

`--train FILE --test FILE` are read as `benchmarks/ncf_files.py` says; `--data DIR` makes them of
`ratings.csv` in a folder, as MovieLens has it: the latest interaction of each user is the test,
ranked among 99 items that the user never touched. Everything is tuned and stopped on the latest
interaction of each user within train, and then fitted again to all of train. The peer of `ncf` is
the best baseline in the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np
import numpy.typing as npt

from benchmarks.ncf_files import Trial, leave_one_out, read_trial
from benchmarks.report import Row, Say
from components.common.errors import bad_input
from components.recommendation.baselines import BASELINES, Baseline, Scores, tuned
from components.recommendation.leave_one_out import (
    AT,
    HeldOut,
    hit,
    hold_out,
    interval,
    ndcg,
    ranks,
)
from components.recommendation.ncf import Ncf, NcfConfig
from components.recommendation.pairs import Pairs
from components.recommendation.quality import beyond_accuracy

RATINGS = "ratings.csv"
BUDGET = 3_600.0
"""CPU-seconds that training the network may take."""
LISTS = 500
"""About how many customers' lists coverage, novelty and popularity are told of."""
SELDOM = 10
"""Customers below which an item is new or nearly so: the slice of a cold start."""
_UNITS = {"coverage": "share", "novelty": "bit", "popularity_bias": "ratio"}
_MILLION = 1_000_000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """How one case ranked the test, and what it cost."""

    hits: Floats
    gains: Floats
    top: npt.NDArray[np.int64]
    """[n, 10] what is recommended to some of the customers."""
    seconds: float = 0.0
    cost: float | None = None
    """CPU-seconds for a million pairs of training."""


def run(
    data: Path | None,
    say: Say,
    train: Path | None = None,
    test: Path | None = None,
    budget: float | None = None,
) -> tuple[Row, ...]:
    """Measure the network and every baseline on two files, or on those made of ratings."""
    if train is not None and test is not None:
        return measure(read_trial(train, test), say, budget or BUDGET)
    if data is None or not (data / RATINGS).is_file():
        raise bad_input(
            "no_data",
            f"The ncf benchmark reads --train FILE and --test FILE, or --data DIR with {RATINGS}.",
        )
    with TemporaryDirectory(prefix="finloop-ncf-") as folder:
        return measure(
            read_trial(*leave_one_out(data / RATINGS, Path(folder))), say, budget or BUDGET
        )


def measure(
    trial: Trial,
    say: Say,
    budget: float = BUDGET,
    config: NcfConfig | None = None,
    baselines: tuple[Baseline, ...] = BASELINES,
) -> tuple[Row, ...]:
    """Every case on one trial."""
    pairs = trial.pairs
    say(
        f"{len(pairs):,} pairs of {pairs.users:,} users and {pairs.items:,} items, "
        f"{len(trial.users):,} tested; order {'known' if pairs.ordered else 'not known'}"
    )
    known, held_out = hold_out(pairs, NcfConfig().history, None)
    found: dict[str, Outcome] = {}
    baselines = tuple(one for one in baselines if one.affordable(pairs))
    for one in baselines:
        found[one.name] = _timed(lambda one=one: _baseline(one, trial, known, held_out, say))
        say(_told(one.name, found[one.name]))
    found["ncf"] = _timed(lambda: _network(config or NcfConfig(), trial, budget, say))
    say(_told("ncf", found["ncf"]))
    best = max((found[one.name] for one in baselines), key=lambda one: one.gains.mean())
    return tuple(
        row
        for name in ("ncf", *(one.name for one in baselines))
        for row in _rows(name, found[name], trial, best)
    )


def _baseline(one: Baseline, trial: Trial, known: Pairs, held_out: HeldOut, say: Say) -> Outcome:
    """Tuned on the held-out pairs, fitted again to all."""
    setting = tuned(one, known, held_out)
    if setting:
        say(f"{one.name}: {setting}")
    return _outcome(trial, one.fit(trial.pairs, **setting))


def _network(config: NcfConfig, trial: Trial, budget: float, say: Say) -> Outcome:
    """Stopped on the held-out pairs, trained again to the same point on all."""
    pairs = trial.pairs
    config = config.model_copy(update={"seconds": budget / 2})
    known, held_out = hold_out(pairs, config.history, config.half_life_days)
    began = process_time()
    watched = Ncf.fit(config, known, held_out=held_out)
    spent = process_time() - began
    share = watched.shallow.share if watched.shallow else 0
    say(f"ncf: {spent:.0f} CPU-s, stopped at {watched.schedules}, shallow term × {share:g}")
    began = process_time()
    model = watched.again(pairs)
    spent = process_time() - began
    trained = sum(one.epochs for one in model.schedules) * len(pairs) * (1 + config.negatives)
    told = pairs.histories(np.arange(pairs.users), config.history, config.half_life_days)
    found = _outcome(trial, lambda users, items: model.margins(told.take(users), items))
    return replace(found, cost=spent / trained * _MILLION if trained else None)


def _outcome(trial: Trial, scores: Scores) -> Outcome:
    rank = ranks(scores(trial.users, trial.items))
    some = trial.users[:: max(1, len(trial.users) // LISTS)]
    return Outcome(hit(rank), ndcg(rank), _top(trial.pairs, scores, some))


def _top(pairs: Pairs, scores: Scores, users: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """The ten best items [n, 10] of users, without what they have chosen."""
    every, found = np.arange(pairs.items), np.zeros((len(users), AT), np.int64)
    for row, user in enumerate(users):
        open_to = np.setdiff1d(every, pairs.item[pairs.start[user] : pairs.start[user + 1]])
        told = scores(users[[row]], open_to[None])[0]
        found[row] = open_to[np.argsort(-told, kind="stable")[:AT]]
    return found


def _timed(measured: Callable[[], Outcome]) -> Outcome:
    began = perf_counter()
    return replace(measured(), seconds=perf_counter() - began)


def _rows(name: str, found: Outcome, trial: Trial, best: Outcome) -> tuple[Row, ...]:
    """Rows of one case; the network beside the best baseline."""
    peer = best if name == "ncf" else None
    low, high = interval(found.gains)
    seldom = trial.pairs.popularity[trial.items[:, 0]] < SELDOM
    beyond = beyond_accuracy(found.top, trial.pairs.popularity.astype(float), trial.pairs.users)
    rows = [
        Row(name, "hr_at_10", float(found.hits.mean()), "share", peer and _mean(peer.hits)),
        Row(name, "ndcg_at_10", float(found.gains.mean()), "gain", peer and _mean(peer.gains)),
        Row(name, "ndcg_at_10_low", low, "gain"),
        Row(name, "ndcg_at_10_high", high, "gain"),
        Row(name, "seconds", found.seconds, "s"),
        *(Row(name, metric, value.value, _UNITS[metric]) for metric, value in beyond.items()),
    ]
    if seldom.any():
        gains = found.gains[seldom], best.gains[seldom]
        rows.append(
            Row(name, "ndcg_at_10_seldom", _mean(gains[0]), "gain", peer and _mean(gains[1]))
        )
    if found.cost is not None:
        rows.append(Row(name, "cpu_seconds_per_million_pairs", found.cost, "s", 2.5))
    return tuple(rows)


def _mean(values: Floats) -> float:
    return float(values.mean())


def _told(name: str, found: Outcome) -> str:
    return (
        f"{name}: HR@10 {found.hits.mean():.4f}, NDCG@10 {found.gains.mean():.4f}, "
        f"{found.seconds:.0f} s"
    )
