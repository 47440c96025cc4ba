"""From the lake to the feature tables of recommendation, as of one moment."""
# ruff: noqa: S608 - SQL is put together from names and expressions of our own

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from components.common.feature_writer import whole_file
from components.common.features import FeatureTable
from components.recommendation.features.payments import opened
from components.recommendation.features.profiles import MERCHANT_DAILY, USER_DAILY
from components.recommendation.features.states import (
    HISTORY_SQL,
    POPULAR_SQL,
    SEGMENT_POPULAR,
    USER_HISTORY,
)

if TYPE_CHECKING:
    import duckdb

_USERS = """
SELECT p.user_id, any_value(p.segment) AS segment, count(r.merchant_id) AS payments,
       count(DISTINCT r.merchant_id) AS merchants, count(DISTINCT sells) AS categories,
       date_diff('hour', max(r.event_timestamp), $as_of) / 24.0 AS days_since,
       avg(ln(1 + amount)) AS log_amount,
       avg((channel = 'online')::DOUBLE) AS online,
       any_value(top_share) AS top_share,
       median(r.latitude) AS latitude, median(r.longitude) AS longitude
FROM people p LEFT JOIN recent r USING (user_id) LEFT JOIN tops USING (user_id)
GROUP BY p.user_id ORDER BY p.user_id
"""
_TOPS = """
CREATE TEMP TABLE tops AS
SELECT user_id, max(count) / sum(count) AS top_share FROM (
    SELECT user_id, sells, count(*) AS count FROM recent GROUP BY user_id, sells)
GROUP BY user_id
"""
_SHOPS = """
SELECT s.merchant_id, count(r.user_id) AS payments, count(DISTINCT r.user_id) AS users,
       avg(ln(1 + amount)) AS log_amount, stddev_samp(ln(1 + amount)) AS log_spread
FROM shops s LEFT JOIN recent r USING (merchant_id)
GROUP BY s.merchant_id ORDER BY s.merchant_id
"""


def build_feature_tables(lake: Path, out: Path, as_of: datetime | None = None) -> dict[str, Path]:
    """Build every feature table of recommendation and say where each one is (`out/<name>.parquet`).

    lake: contract tables `transactions`, and `merchants` and `users` where there are any; as_of:
    what happened later is not seen (default: the newest payment). A row of every customer, merchant
    and segment, all as of that moment. The same input gives the same rows; none without payments.
    """
    out.mkdir(parents=True, exist_ok=True)
    with opened(lake, as_of) as (connection, moment):
        connection.execute(_TOPS)
        queries = {
            USER_DAILY.name: _features(USER_DAILY, _USERS),
            MERCHANT_DAILY.name: _features(MERCHANT_DAILY, _SHOPS),
            USER_HISTORY: HISTORY_SQL,
            SEGMENT_POPULAR: POPULAR_SQL,
        }
        return {
            name: _write(connection, sql, moment, out / f"{name}.parquet")
            for name, sql in queries.items()
        }


def _features(table: FeatureTable, prepared: str) -> str:
    return (
        f"SELECT {table.entity}, $as_of AS event_timestamp, $as_of AS created, "
        f"{table.expressions()} FROM ({prepared})"
    )


def _write(connection: duckdb.DuckDBPyConnection, sql: str, moment: datetime, path: Path) -> Path:
    with whole_file(path) as fresh:
        pq.write_table(connection.sql(sql, params={"as_of": moment}).to_arrow_table(), fresh)
    return path
