"""From the lake to the feature tables of credit.

A row holds what was known strictly before its moment. What people and the bureau say is known from
the first local midnight after it was said. Spending is worked out where it is asked for: at the
midnight before each application, and for everybody at the newest one, which is served online.
"""
# ruff: noqa: S608 - SQL is put together from names of our own

from __future__ import annotations

import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from components.common import lake as lakes
from components.common.contracts import BUREAU, LOANS, TRANSACTIONS, USERS
from components.common.feature_writer import Prepared, write_features
from components.common.features import FeatureTable
from components.common.lake_views import make_view
from components.credit.features.application import CREDIT_APPLICATION
from components.credit.features.background import CREDIT_BUREAU, CREDIT_PROFILE
from components.credit.features.spending import CREDIT_SPENDING, DAYS, MONTH, MONTHS

_MOMENT = "moment"
_KNOWN = {
    "newest": """
        SELECT coalesce($as_of, max(event_timestamp)) AS newest,
               CAST(timezone($zone, newest) AS DATE) AS today
        FROM (SELECT max(event_timestamp) AS event_timestamp FROM transactions
              UNION ALL SELECT max(event_timestamp) FROM loans)""",
    "asked": """
        SELECT application_id, user_id, event_timestamp AS moment, amount AS loan_amount,
               term_months, CAST(timezone($zone, event_timestamp) AS DATE) AS day
        FROM loans, newest WHERE event_timestamp <= newest""",
    "profile": "{told_users}",
    "bureau_told": "{told_bureau}",
    "paid": """
        SELECT user_id, amount, merchant_id, category,
               CAST(timezone($zone, event_timestamp) AS DATE) AS day,
               hour(timezone($zone, event_timestamp)) < 6 AS night
        FROM transactions, newest WHERE event_timestamp <= newest""",
    "wanted": """
        SELECT user_id, day FROM asked
        UNION SELECT user_id, today FROM newest, (
            SELECT user_id FROM users, newest WHERE event_timestamp <= newest
            UNION SELECT user_id FROM paid)""",
    "window_paid": f"""
        SELECT user_id, wanted.day, amount, merchant_id, category, night, paid.day AS paid_on,
               (wanted.day - paid.day - 1) // {MONTH} AS month
        FROM wanted JOIN paid USING (user_id)
        WHERE paid.day < wanted.day AND paid.day >= wanted.day - {DAYS}""",
}
"""Temporary tables in the order in which they are made."""


def _told(table: str) -> str:
    """What was told last before each midnight, at that midnight."""
    return f"""
        SELECT *, timezone($zone, CAST(day + 1 AS TIMESTAMP)) AS moment FROM (
            SELECT *, CAST(timezone($zone, event_timestamp) AS DATE) AS day FROM {table}), newest
        WHERE moment <= newest
        QUALIFY row_number() OVER (
            PARTITION BY user_id, day ORDER BY event_timestamp DESC) = 1"""


_APPLICATIONS = """
    SELECT asked.*, annual_income, birth_year, year(asked.day) AS year
    FROM asked ASOF LEFT JOIN profile
        ON asked.user_id = profile.user_id AND asked.moment >= profile.moment
    ORDER BY application_id"""

_MONTH_TOTALS = ", ".join(
    f"coalesce(sum(amount) FILTER (month = {month}), 0) AS total_{month}" for month in range(MONTHS)
)
_SPENDING = f"""
    WITH whole AS (
        SELECT user_id, day, count(*) AS count, avg(amount) AS mean, stddev_samp(amount) AS std,
               max(amount) AS max, sum(amount) AS total, count(DISTINCT merchant_id) AS merchants,
               count(*) FILTER (night) AS night, max(month) AS oldest, {_MONTH_TOTALS}
        FROM window_paid GROUP BY ALL),
    merchant AS (
        SELECT user_id, day, max(n) AS top_merchant FROM (
            SELECT user_id, day, count(*) AS n FROM window_paid
            GROUP BY user_id, day, merchant_id) GROUP BY ALL),
    category AS (
        SELECT user_id, day, abs(sum(p * ln(p))) AS category_entropy FROM (
            SELECT user_id, day,
                   count(*) / sum(count(*)) OVER (PARTITION BY user_id, day) AS p
            FROM window_paid WHERE category IS NOT NULL GROUP BY user_id, day, category)
        GROUP BY ALL),
    daily AS (
        SELECT user_id, day, avg(spent) AS daily_mean, max(spent) AS daily_max FROM (
            SELECT user_id, day, sum(amount) AS spent FROM window_paid
            GROUP BY user_id, day, paid_on) GROUP BY ALL)
    SELECT *, timezone($zone, CAST(day AS TIMESTAMP)) AS moment
    FROM wanted LEFT JOIN whole USING (user_id, day) LEFT JOIN merchant USING (user_id, day)
        LEFT JOIN category USING (user_id, day) LEFT JOIN daily USING (user_id, day)
    ORDER BY user_id, day"""

_PREPARED = {
    CREDIT_PROFILE: "SELECT * FROM profile ORDER BY user_id, moment",
    CREDIT_APPLICATION: _APPLICATIONS,
    CREDIT_BUREAU: "SELECT * FROM bureau_told ORDER BY user_id, moment",
    CREDIT_SPENDING: _SPENDING,
}


def build_feature_tables(
    lake: Path, out: Path, timezone: str, as_of: datetime | None = None
) -> dict[str, Path]:
    """Build every feature table of credit and say where each one is (`out/<name>.parquet`).

    lake: contract tables `users`, `bureau`, `loans` and `transactions`, each of which may be
    missing; timezone: calendar of nights and midnights; as_of: what happened later is not seen
    (default: the newest payment or application). The same input gives the same bytes.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = {table.name: out / f"{table.name}.parquet" for table in _PREPARED}
    with (
        tempfile.TemporaryDirectory(prefix=".build-", dir=out) as spill,
        closing(lakes.connect(Path(spill))) as connection,
    ):
        connection.execute("SET threads = 1")  # sums are added up in one order, always the same
        _read(connection, lake, timezone, as_of)
        for table, sql in _PREPARED.items():
            piece = _prepare(connection, table, sql, timezone)
            write_features(table, [lambda piece=piece: piece], paths[table.name])
    return paths


def _read(
    connection: duckdb.DuckDBPyConnection, lake: Path, timezone: str, as_of: datetime | None
) -> None:
    for table in (TRANSACTIONS, USERS, BUREAU, LOANS):
        make_view(connection, lake, table)
    told = {"told_users": _told(USERS.name), "told_bureau": _told(BUREAU.name)}
    for name, sql in _KNOWN.items():
        text = sql.format(**told) if sql.startswith("{") else sql
        given = {"zone": timezone, "as_of": as_of}
        used = {parameter: value for parameter, value in given.items() if f"${parameter}" in text}
        connection.execute(f"CREATE TEMP TABLE {name} AS {text}", used)


def _prepare(
    connection: duckdb.DuckDBPyConnection, table: FeatureTable, sql: str, timezone: str
) -> Prepared:
    """The columns that the expressions of a table speak of."""
    given = {"zone": timezone} if "$zone" in sql else {}
    rows = connection.sql(sql, params=given).to_arrow_table()
    moment = rows.column(_MOMENT).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    columns = {
        name: _whole(rows.column(name))
        for name in rows.column_names
        if name not in (_MOMENT, table.entity)
    }
    return Prepared(_whole(rows.column(table.entity)), np.asarray(moment), columns)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece, a wide whole number as the number that it is."""
    array = column.combine_chunks()
    whole = array if isinstance(array, pa.Array) else pa.concat_arrays(array.chunks)
    return whole.cast(pa.float64()) if pa.types.is_decimal(whole.type) else whole
