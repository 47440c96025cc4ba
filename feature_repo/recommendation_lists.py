"""Everybody's list by the champion, made at once and put into the online store.

What the endpoint shows where no model can be asked: a list of yesterday is better than what is
popular.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.common.artifact import Scorer, vector
from components.common.errors import refused
from components.common.registry import Registry
from components.common.settings import Settings
from components.recommendation import NCF
from components.recommendation.catalogue import Catalogue, History
from components.recommendation.features.states import HISTORY_COLUMNS, LISTS, USER_HISTORY
from components.recommendation.ranking import eligible
from feature_repo.layout import Layout

if TYPE_CHECKING:
    import pandas as pd

LENGTH = 10
_USERS = 1_000
"""Customers at a time: their probabilities of 10,000 merchants are 40 MB."""


def list_everybody(settings: Settings, now: datetime | None = None) -> int:
    """Write the ten best new merchants of every customer with a history; how many customers.

    Nothing is written where there is no champion. Raises `FinloopError("features_missing")` where
    no feature table was made.
    """
    champion = Registry(settings).champion(NCF.name)
    if champion is None:
        return 0
    table = settings.feature_tables / f"{USER_HISTORY}.parquet"
    if not table.exists() or not knows_lists(settings):
        raise refused(
            "features_missing",
            "There are no histories of customers yet, or no place for lists; "
            "run `finloop run data` first.",
        )
    with tempfile.TemporaryDirectory(prefix="finloop-") as scratch:
        folder = Registry(settings).download(NCF.name, champion.version, Path(scratch) / "files")
        return store_lists(settings, folder, champion.version, table, now or datetime.now(UTC))


def store_lists(
    settings: Settings, folder: Path, version: str, histories: Path, now: datetime
) -> int:
    """Write the lists of all customers of a table of histories by an artifact; how many."""
    import pandas as pd

    from feature_repo.store import open_store

    store, count = open_store(settings), 0
    for rows in lists_of(folder, histories, now):
        versions = pd.Series([[version]] * len(rows))
        store.write_to_online_store(LISTS, df=rows.assign(version=versions))
        count += len(rows)
    return count


def knows_lists(settings: Settings) -> bool:
    """Whether the feature store was told of lists; one that is older than they are was not."""
    try:
        return LISTS in Layout.read(settings).views
    except OSError:
        return False


def lists_of(folder: Path, histories: Path, now: datetime) -> Iterator[pd.DataFrame]:
    """The lists of all customers of a table of histories by an artifact, some at a time.

    Columns: user_id, event_timestamp, created, merchants, probabilities (best first).
    """
    import pandas as pd
    import pyarrow.parquet as pq

    scorer, catalogue = Scorer.load(folder), Catalogue.read(folder)
    ids = np.array(catalogue.ids, dtype=object)
    columns = ["user_id", *HISTORY_COLUMNS]
    with pq.ParquetFile(histories) as file:
        for batch in file.iter_batches(_USERS, columns=columns):
            rows = batch.to_pylist()
            known = [History.of(row) for row in rows]
            inputs = [vector(catalogue.inputs(one, now), scorer.inputs) for one in known]
            scores = scorer.score(np.concatenate(inputs))
            allowed = np.stack([eligible(catalogue, one.merchants) for one in known])
            top = np.argsort(-np.where(allowed, scores, -1.0), axis=1, kind="stable")[:, :LENGTH]
            kept = [line[allowed[at, line]] for at, line in enumerate(top)]
            yield pd.DataFrame(
                {
                    "user_id": [row["user_id"] for row in rows],
                    "event_timestamp": now,
                    "created": now,
                    "merchants": [list(ids[line]) for line in kept],
                    "probabilities": [scores[at, line].tolist() for at, line in enumerate(kept)],
                }
            )
