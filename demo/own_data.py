"""The story on one's own payments: their history, and their last days as traffic."""

from __future__ import annotations

import shutil
from datetime import date, datetime, time, timedelta
from math import ceil
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from components.common import lake
from components.common.contracts import TABLES
from components.common.errors import bad_input
from components.common.ingest import ingest
from components.common.settings import Settings
from demo.company import PRICE_RISE, Company, StoryConfig, company_from

ORIGIN = (
    "These are payments of one's own, {taken:,} of {customers:,} customers. What happened last is "
    "told as if it happened now: the services are asked about {asked:,} customers, and everybody "
    "else's payments come in as files every night."
)
MOST_PAYMENTS = 400_000
"""Of more payments than these, those of some customers are taken, so that a person can wait."""
CHANGE = (
    "Nothing changes in these payments by itself, so the story raises all prices by "
    f"{PRICE_RISE:.0%}."
)


def company_of(
    data: Path, mapping: str, config: StoryConfig, settings: Settings, now: datetime
) -> Company:
    """The company behind a folder of payments and outcomes.

    The rows come in as they would for good, pseudonyms included, but into a lake of the story's
    own. The services are asked about as many customers as the story has; everybody else's payments
    come in as files. From the drift on all prices are raised. Raises `FinloopError` where there is
    too little to tell a story with.
    """
    apart = settings.model_copy(update={"home": settings.home / "story" / "own"})
    shutil.rmtree(apart.home, ignore_errors=True)  # of an earlier story that did not begin
    ingest(data, mapping, apart, now)
    first, last = _span(apart)
    opening = last - timedelta(days=config.days_after - 1)
    if (opening - first).days < config.history_days:
        raise bad_input(
            "too_little_data",
            f"The story needs {config.history_days + config.days_after} days of payments, but "
            f"{data} has {(last - first).days + 1}.",
        )
    since, opened, drift = (
        datetime.combine(opening + timedelta(days=days), time(), ZoneInfo(settings.timezone))
        for days in (-config.history_days, 0, config.calm_days)
    )
    taken, customers = _taken(apart, since)
    tables = _tables(apart, since, drift, taken)
    asked = _asked(tables["transactions"], opened, config.users)
    origin = ORIGIN.format(taken=taken, customers=customers, asked=config.users)
    return company_from(tables, asked, opening, config, settings.timezone, origin, CHANGE)


def _span(settings: Settings) -> tuple[date, date]:
    """First and last local day that have payments."""
    paid = lake.scan(settings.lake, "transactions")
    with lake.connect() as connection:
        found = connection.execute(
            f"SELECT min(event_timestamp), max(event_timestamp) FROM {paid}"  # noqa: S608 - ours
        ).fetchone()
    if found is None or found[0] is None:
        raise bad_input("no_payments", "There are no payments in this data that can be used.")
    zone = ZoneInfo(settings.timezone)
    return found[0].astimezone(zone).date(), found[1].astimezone(zone).date()


def _taken(settings: Settings, since: datetime) -> tuple[int, int]:
    """(customers who are taken, customers there are), by the payments from `since` on."""
    paid = lake.scan(settings.lake, "transactions")
    with lake.connect() as connection:
        ((customers, payments),) = connection.execute(
            f"""SELECT count(DISTINCT user_id), count(*) FROM {paid}
                WHERE event_timestamp >= $since""",  # noqa: S608 - a path of ours
            {"since": since},
        ).fetchall()
    return min(customers, ceil(customers * MOST_PAYMENTS / max(1, payments))), customers


def _tables(
    settings: Settings, since: datetime, drift: datetime, customers: int
) -> dict[str, pa.Table]:
    """Contract tables with the payments of some customers from `since` on, dearer from `drift` on.

    An outcome without a source has the one that `finloop outcomes import` gives it.
    """
    source = lake.scan(settings.lake, "transactions")
    with lake.connect() as connection:
        connection.execute(
            f"""
            CREATE TEMP TABLE paid AS
            SELECT {_names("transactions")} FROM (
                SELECT * REPLACE (
                    CASE WHEN event_timestamp >= $drift THEN round(amount * $rise, 2)
                         ELSE amount END AS amount)
                FROM {source} WHERE event_timestamp >= $since AND user_id IN (
                    SELECT user_id FROM {source} WHERE event_timestamp >= $since
                    GROUP BY user_id ORDER BY user_id LIMIT $customers))
            """,  # noqa: S608 - paths of ours, quoted by `scan`
            {"since": since, "drift": drift, "rise": 1 + PRICE_RISE, "customers": customers},
        )
        known = f"""
            SELECT {_names("outcomes")} FROM (
                SELECT * REPLACE (coalesce(source, 'import') AS source)
                FROM {lake.scan(settings.lake, "outcomes")})
            WHERE transaction_id IN (SELECT transaction_id FROM paid)
            ORDER BY outcome_timestamp, transaction_id
            """  # noqa: S608 - paths of ours, quoted by `scan`
        return {
            "transactions": _arrow(
                connection, "FROM paid ORDER BY event_timestamp, transaction_id", "transactions"
            ),
            "outcomes": _arrow(connection, known, "outcomes"),
        }


def _asked(paid: pa.Table, opened: datetime, users: int) -> pa.Table:
    """The payments of so many customers of those who pay after the opening."""
    moment = pa.scalar(opened, lake.ARROW_TYPES["timestamp"])
    later = paid.filter(pc.field("event_timestamp") >= moment)
    some = pc.call_function("unique", [later["user_id"]]).sort()[:users]
    return later.filter(pc.field("user_id").isin(some))


def _names(table: str) -> str:
    return ", ".join(column.name for column in TABLES[table].columns)


def _arrow(connection: duckdb.DuckDBPyConnection, sql: str, table: str) -> pa.Table:
    return connection.sql(sql).to_arrow_table().cast(lake.arrow_schema(TABLES[table]))
