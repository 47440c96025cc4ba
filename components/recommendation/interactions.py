"""The training frame: who paid at which merchant, split by time, and what was known by then.

A folder of three tables. `frame.parquet` has a row for each (customer, merchant) of each window
with what was paid there in it, or followed on a list, which is a label too and says half as much;
`merchants.parquet` every merchant with its content, the statistics of it
from the training window alone; `profiles.parquet` the customers' features as of the beginning of
the test.
"""
# ruff: noqa: S608 - SQL is put together from names of our own; moments are parameters

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from components.common import frame
from components.common.errors import refused
from components.common.settings import Settings
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN, Windows
from components.recommendation.features.build import build_feature_tables
from components.recommendation.features.payments import opened
from components.recommendation.features.profiles import USER_DAILY

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

CLICK = 0.5
"""How much a click on a recommended merchant says, where a payment says one."""
MERCHANTS, PROFILES = "merchants.parquet", "profiles.parquet"

_PAIRS = f"""
WITH said AS (
    SELECT user_id, merchant_id, event_timestamp, amount, 1.0 AS says FROM payments
    UNION ALL
    SELECT user_id, merchant_id, event_timestamp, NULL, {CLICK} FROM clicks
    WHERE merchant_id IN (SELECT merchant_id FROM shops)
),
told AS (
    SELECT user_id, merchant_id, event_timestamp, amount, says,
           CASE WHEN event_timestamp < $train_from THEN NULL
                WHEN event_timestamp < $calibration_from THEN '{TRAIN}'
                WHEN event_timestamp < $gap_from THEN '{CALIBRATION}'
                WHEN event_timestamp >= $test_from AND event_timestamp < $test_until
                THEN '{TEST}' END AS {SPLIT}
    FROM said
)
SELECT user_id, merchant_id, {SPLIT}, sum(says)::DOUBLE AS count,
       min(event_timestamp) AS first, max(event_timestamp) AS last,
       avg(amount) AS amount_mean,
       min(min(event_timestamp)) OVER (PARTITION BY user_id, merchant_id) = min(event_timestamp)
           AS is_new
FROM told WHERE {SPLIT} IS NOT NULL
GROUP BY user_id, merchant_id, {SPLIT}
ORDER BY first, user_id, merchant_id
"""
_CONTENT = """
SELECT s.merchant_id, s.name, s.category, s.latitude, s.longitude,
       count(p.user_id) AS payments, count(DISTINCT p.user_id) AS users,
       avg(ln(1 + amount)) AS log_amount, stddev_samp(ln(1 + amount)) AS log_spread
FROM shops s LEFT JOIN (
    SELECT * FROM payments WHERE event_timestamp < $calibration_from) p USING (merchant_id)
GROUP BY ALL ORDER BY s.merchant_id
"""


def write_frame(settings: Settings, windows: Windows, into: Path) -> None:
    """Write the frame of the windows into a folder.

    frame.parquet: user_id, merchant_id, split, count, first, last, amount_mean, is_new (whether the
    customer had never paid there before). Nothing of a later window is in what an earlier one is
    told with. Raises `FinloopError("too_little_history")` where a window holds no payment.
    """
    bounds = asdict(windows)
    with opened(settings.lake, windows.cut_off) as (connection, _):
        pairs = _arrow(connection, _PAIRS, bounds)
        content = _arrow(connection, _CONTENT, bounds)
    found = set(pairs.column(SPLIT).to_pylist())
    for window in (TRAIN, CALIBRATION, TEST):
        if window not in found:
            raise refused(
                "too_little_history",
                f"No payments fall into the {window} window; the model needs a longer history, or "
                "fewer calibration_days and test_days.",
            )
    frame.write_frame(into, pairs, None, windows.as_json())
    pq.write_table(content, into / MERCHANTS)
    _write_profiles(settings.lake, windows, into / PROFILES)


def _arrow(connection: duckdb.DuckDBPyConnection, sql: str, bounds: dict[str, object]) -> pa.Table:
    asked = {name: bound for name, bound in bounds.items() if f"${name}" in sql}
    return connection.sql(sql, params=asked).to_arrow_table()


def _write_profiles(root: Path, windows: Windows, path: Path) -> None:
    """The features of every customer as of the beginning of the test."""
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        made = build_feature_tables(root, Path(scratch), windows.test_from)
        made[USER_DAILY.name].replace(path)


def read_merchants(folder: Path) -> pd.DataFrame:
    """Every merchant of a frame, in order of its id, with its content."""
    import pandas as pd

    return pd.read_parquet(folder / MERCHANTS)


def read_profiles(folder: Path) -> pd.DataFrame:
    """The customers of a frame as of the beginning of its test."""
    import pandas as pd

    return pd.read_parquet(folder / PROFILES)


def history_of(rows: pd.DataFrame, *splits: str) -> pd.DataFrame:
    """What was paid in these windows together: user_id, merchant_id, count, last."""
    chosen = rows[rows[SPLIT].isin(splits)]
    told = chosen.groupby(["user_id", "merchant_id"], sort=True, as_index=False)
    return told.agg(count=("count", "sum"), last=("last", "max"))
