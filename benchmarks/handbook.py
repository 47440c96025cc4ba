"""Our fraud models on the Fraud Detection Handbook, by its own protocol and through our own loop:
ingest, features, training, calibration, export, and the scores of the exported artifacts, each
alone and blended. The blend is fitted on what the models said of their calibration days.

The peer is the handbook's tuned XGBoost on the handbook's 15 features, on the same rows.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmarks.handbook_peer import PEER_CONFIG, PEER_INPUT
from benchmarks.handbook_split import (
    HISTORY_FROM,
    STARTS,
    WEEK,
    Mask,
    Payments,
    day_number,
    tested_on,
    trained_on,
)
from benchmarks.report import Row, Say
from components.common.artifact import Matrix, Scorer, matrix
from components.common.errors import bad_input
from components.common.lags import Numbers, Sequences, previous
from components.fraud import LSTM, XGBOOST
from components.fraud.blend import Blend
from components.fraud.boosting import Boosting, BoostingConfig
from components.fraud.features import MODEL_INPUT
from components.fraud.sequence import Sequence, SequenceConfig
from components.fraud.sequence_steps import STEP, STEPS

if TYPE_CHECKING:
    import pandas as pd

    from components.common.features import FeatureTable
    from components.common.settings import Settings

REFRESH_HOURS = 1
"""How often feature tables are made anew: an outcome counts from the next full hour."""
METRICS = {
    "roc_auc": "area",
    "average_precision": "area",
    "card_precision_100": "share",
}
CASES: dict[str, tuple[date | None, int]] = {"7d": (None, 2), "all": (HISTORY_FROM, WEEK)}
"""Case → first day of training (the training week where None), and its last days that calibrate."""
Scores = dict[str, npt.NDArray[np.float64]]
"""Member → scores of the artifact that is served; the isolation forest inside the trees alone."""


@dataclass(frozen=True)
class Rows:
    """Every payment that some fold trains or tests on, with our features and the peer's."""

    frame: pd.DataFrame
    payments: Payments

    @cached_property
    def index(self) -> Numbers:
        """Each payment, then the customer's payments before it, as far back as the rows go."""
        own = np.arange(len(self.frame), dtype=np.int32)[:, None]
        return np.concatenate([own, previous(self.payments.customer, STEPS)], axis=1)

    def sequences(self, steps: tuple[str, ...]) -> Sequences:
        """Each payment after the customer's payments before it."""
        return Sequences(matrix(self.frame, steps), self.index)


@dataclass(frozen=True)
class Model:
    """Trees under test, what they see, and the network beside them, if there is one."""

    inputs: tuple[str, ...]
    config: BoostingConfig
    network: SequenceConfig | None = None
    steps: tuple[str, ...] = ()
    """What the network sees of each payment."""


def run(data: Path | None, say: Say) -> tuple[Row, ...]:
    """Measure every case; `data` is the folder of the handbook's transactions."""
    if data is None:
        raise bad_input("no_data", "The handbook benchmark reads its data from --data DIR.")
    with TemporaryDirectory(prefix="finloop-handbook-") as folder:
        rows = prepare(data, Path(folder), say)
    say(f"{len(rows.frame):,} payments, {int(rows.payments.fraud.sum()):,} frauds")
    return tuple(row for case in CASES for row in _measure(case, rows, say))


def prepare(data: Path, folder: Path, say: Say) -> Rows:
    """Ingest, build features and join them, in a home of its own below `folder`."""
    from components.common.ingest import ingest
    from components.common.settings import Settings
    from components.fraud.features import build_feature_tables

    settings = Settings(home=folder, timezone="UTC")
    say("ingest")
    ingest(data, "fraud-handbook", settings, datetime.now(UTC))
    say("features")
    build_feature_tables(
        settings.lake, settings.feature_tables, settings.timezone, refresh_hours=REFRESH_HOURS
    )
    say("join")
    return join(settings)


def join(settings: Settings) -> Rows:
    """Each payment from the first day of history to the last test, with all of its features."""
    import pandas as pd

    from components.common import lake

    with lake.connect(settings.home / "spill") as connection:
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        frame = connection.execute(
            _frame_sql(settings),
            {"first": HISTORY_FROM, "end": max(STARTS) + timedelta(days=3 * WEEK)},
        ).df()
    customer = pd.factorize(frame["user_id"])[0].astype(np.int64)
    payments = Payments(customer, frame["day"].to_numpy(np.int64), frame["is_fraud"].to_numpy(bool))
    return Rows(frame.drop(columns=["user_id", "day", "is_fraud"]), payments)


_MEMORY = "3GB"


def _frame_sql(settings: Settings) -> str:
    from benchmarks.handbook_peer import peer_sql
    from components.common import lake
    from components.fraud.features import TABLES

    transactions, outcomes = (
        lake.scan(settings.lake, table) for table in ("transactions", "outcomes")
    )
    features = ", ".join(f"{t.name}.{name}::FLOAT AS {name}" for t in TABLES for name in t.names)
    peers = ", ".join(f"peer.{name}::FLOAT AS {name}" for name in PEER_INPUT)
    joined = " ".join(_joined(t, settings.feature_tables) for t in TABLES)
    return f"""
        SELECT paid.user_id, paid.is_fraud, epoch_us(paid.event_timestamp) // 86400000000 AS day,
            {features}, {peers}
        FROM (SELECT transaction_id, user_id, merchant_id, event_timestamp, is_fraud
              FROM {transactions} AS t JOIN {outcomes} AS o USING (transaction_id)
              WHERE event_timestamp >= $first AND event_timestamp < $end) AS paid
        {joined}
        JOIN ({peer_sql(transactions, outcomes)}) AS peer
        ON peer.transaction_id = paid.transaction_id
        ORDER BY paid.event_timestamp, paid.transaction_id"""  # noqa: S608 - names of ours


def _joined(table: FeatureTable, folder: Path) -> str:
    """The row of the payment itself, or the newest of its user or merchant."""
    from components.common import lake

    name, entity = table.name, table.entity
    file = lake.quote(folder / f"{name}.parquet")
    same = f"{file} AS {name} ON {name}.{entity} = paid.{entity}"
    if table.cadence == "event":
        return f"LEFT JOIN {same}"
    return f"ASOF LEFT JOIN {same} AND {name}.event_timestamp <= paid.event_timestamp"


def _measure(case: str, rows: Rows, say: Say) -> list[Row]:
    """Means over the folds; folds side by side, each tree grown by one thread."""
    ours = Model(MODEL_INPUT, BoostingConfig(), SequenceConfig(), STEP)
    models = ours, Model(PEER_INPUT, PEER_CONFIG)
    jobs = [(model, start) for model in models for start in STARTS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda job: evaluate_fold(rows, case, job[0], job[1], say), jobs))
    our, peers = found[: len(STARTS)], found[len(STARTS) :]
    return [
        Row(
            f"{member}/{case}",
            metric,
            _mean(our, member, metric),
            unit,
            _mean(peers, member, metric) if member in peers[0] else None,
        )
        for member in our[0]
        for metric, unit in METRICS.items()
    ]


def _mean(folds: list[dict[str, dict[str, float]]], member: str, metric: str) -> float:
    return float(np.mean([fold[member][metric] for fold in folds]))


def evaluate_fold(
    rows: Rows, case: str, model: Model, start: date, say: Say
) -> dict[str, dict[str, float]]:
    """Train, calibrate and export on one fold; member → metrics on the test week."""
    from components.common.evaluation import evaluate, scored

    history_from, calibration_days = CASES[case]
    train = trained_on(rows.payments, start, history_from)
    later = train & (rows.payments.day >= day_number(start) + WEEK - calibration_days)
    test = tested_on(rows.payments, start)
    fraud, customer, day = (
        column[test] for column in (rows.payments.fraud, rows.payments.customer, rows.payments.day)
    )
    values: dict[str, dict[str, float]] = {}
    for member, score in _scores(rows, model, train & ~later, later, test).items():
        measured = evaluate(scored(fraud, score, entity=customer, day=day), resamples=0)
        values[member] = {name: measured[name].value for name in METRICS}
    say(
        f"{case} {start} {len(model.inputs)} inputs: "
        f"train {train.sum():,} rows / {rows.payments.fraud[train].sum():,} frauds, "
        f"test {test.sum():,} / {fraud.sum():,}, AP "
        + ", ".join(f"{name} {one['average_precision']:.4f}" for name, one in values.items())
    )
    return values


def _scores(rows: Rows, model: Model, early: Mask, later: Mask, test: Mask) -> Scores:
    """Scores of the test rows by member; the peer's model has no member beside it."""
    trees, scores = _boosted(rows, model, early, later, test)
    if model.network is None:
        return scores
    network, scores[LSTM.name] = _recurrent(rows, model, early, later, test)
    held_out = {XGBOOST.name: known(trees.held_out), LSTM.name: known(network.held_out)}
    blend = Blend.fit(held_out, rows.payments.fraud[later])
    return scores | {"blend": blend.apply({name: scores[name] for name in held_out})}


def _boosted(
    rows: Rows, model: Model, early: Mask, later: Mask, test: Mask
) -> tuple[Boosting, Scores]:
    """The trees by their artifact, and the isolation forest in them alone."""
    frame, fraud = rows.frame[list(model.inputs)], rows.payments.fraud
    fitted = Boosting(model.config).fit(
        frame[early], fraud[early], calibration=(frame[later], fraud[later])
    )
    scores: Scores = {XGBOOST.name: _served(fitted, matrix(frame[test], model.inputs))}
    anomaly = fitted.anomaly(frame[test])
    if anomaly is not None:
        scores["isolation-forest"] = anomaly.astype(np.float64)
    return fitted, scores


def _recurrent(
    rows: Rows, model: Model, early: Mask, later: Mask, test: Mask
) -> tuple[Sequence, npt.NDArray[np.float64]]:
    """The network by its artifact; one is trained at a time, on one thread."""
    fraud, sequences = rows.payments.fraud, rows.sequences(model.steps)
    with _ONE_NETWORK:
        fitted = Sequence(model.network or SequenceConfig()).fit_sequences(
            model.steps,
            sequences.take(early),
            fraud[early],
            calibration=(sequences.take(later), fraud[later]),
        )
        return fitted, _served(fitted, sequences.take(test).flat())


def _served(model: Boosting | Sequence, rows: Matrix) -> npt.NDArray[np.float64]:
    """Scores by the exported artifact."""
    with TemporaryDirectory() as folder:
        model.export(Path(folder))
        return Scorer.load(Path(folder)).score(rows)


def known(held_out: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    """What a calibrated model said of its calibration rows."""
    assert held_out is not None  # noqa: S101 - every model here is calibrated
    return held_out


_ONE_NETWORK = Lock()
