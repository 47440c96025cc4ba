"""The offline engine of the daily features: one row per entity and local midnight, in DuckDB.

A row stands at every midnight of the thirty days after anything happened, and at the one after
those, where all has become empty: the newest row before a payment is always the true one, whatever
its age. Days are numbers (since 1970, local); midnight `day` begins day `day` and sees what was
before it.

Rows without a gap form a run. A window of w days is the difference of two running totals of whole
numbers, w rows of the run apart, so it is exact and costs the same for every w.
"""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted or parameters

from __future__ import annotations

from components.common.features import FeatureTable
from components.fraud.features.daily import KNOWN_DAYS, SPENT_DAYS
from components.fraud.features.refresh import LEARNED, told
from components.fraud.features.windows import exact_mean, exact_std

DAYS = 30
"""Local days that a midnight looks back at most."""

_RUN = "PARTITION BY run ORDER BY day"


_SINCE = ("fraud", "first_fraud", "genuine")


def daily_features(
    table: FeatureTable, entity: str, partner: str, between: str | None = None
) -> str:
    """SQL of the finished table, by moment and entity; reads `payments`, `known`, `midnights`.

    `entity` and `partner` are `user` and `merchant`, or the other way round; `between` is SQL of
    rows between the midnights, which reads `finished`.
    """
    since = ", ".join(
        f"(epoch_us(moment) - {what}_t) / 8.64e10 AS days_since_{what}" for what in _SINCE
    )
    rows = f"(FROM finished UNION ALL BY NAME {between})" if between else "finished"
    return f"""
        WITH spent AS ({_spent(entity)}),
        learned AS ({_learned(entity)}),
        partners AS ({_partners(entity, partner)}),
        grid AS ({_grid()}),
        totalled AS ({_totalled()}),
        measured AS ({_measured()}),
        averaged AS ({_averaged()}),
        finished AS ({_finished()})
        SELECT names.id AS {table.entity}, moment AS event_timestamp, moment AS created,
            {table.columns()}
        FROM (SELECT *, {since} FROM {rows}) JOIN {entity}_names AS names USING (no)
        ORDER BY moment, no"""


def _spent(entity: str) -> str:
    """What an entity's payments of one day come to, seen from the midnight after it."""
    return f"""
        SELECT {entity}_no AS no, day + 1 AS day, count(*)::INTEGER AS payments,
            sum(milli)::BIGINT AS total, sum(milli::HUGEINT * milli) AS squares, max(amount) AS top
        FROM payments GROUP BY ALL"""


def _learned(entity: str) -> str:
    """What became known of an entity in one day; the last 5 and 10 as they stood at its end."""
    return f"""
        SELECT no, known_day + 1 AS day, {LEARNED} FROM ({told(entity)}) GROUP BY no, known_day"""


def _partners(entity: str, partner: str) -> str:
    """Steps of the distinct count: a pair counts from the day after it met until 30 days later."""
    return f"""
        SELECT no, unnest([day, least(day + {DAYS}, coalesce(again, day + {DAYS}))]) AS day,
            unnest([1, -1]) AS step
        FROM (SELECT {entity}_no AS no, day + 1 AS day, lead(day + 1) OVER (
                  PARTITION BY {entity}_no, {partner}_no ORDER BY sequence) AS again
              FROM payments)
        WHERE again IS DISTINCT FROM day"""


def _grid() -> str:
    """Every midnight of every run: from the one after a day with events until 30 days later."""
    return f"""
        SELECT no, run, unnest(range(day, least(day + {DAYS + 1}, again,
            (SELECT max(day) + 1 FROM midnights))))::INTEGER AS day
        FROM (SELECT no, day, coalesce(lead(day) OVER own, day + {DAYS + 1}) AS again,
                  sum(fresh) OVER (ORDER BY no, day ROWS UNBOUNDED PRECEDING)::INTEGER AS run
              FROM (SELECT *, coalesce(day - lag(day) OVER own > {DAYS + 1}, true)::INTEGER
                        AS fresh
                    FROM (SELECT no, day FROM spent UNION SELECT no, day FROM learned)
                    WINDOW own AS (PARTITION BY no ORDER BY day))
              WINDOW own AS (PARTITION BY no ORDER BY day))"""


_TOTALS = {
    "payments": "INTEGER",
    "total": "BIGINT",
    "squares": "HUGEINT",
    "partners": "INTEGER",
    "known": "INTEGER",
    "frauds": "INTEGER",
}


def _totalled() -> str:
    totals = ", ".join(
        f"coalesce(sum({what}) OVER run_so_far, 0)::{kind} AS all_{what}"
        for what, kind in _TOTALS.items()
    )
    held = ", ".join(
        f"last_value({what} IGNORE NULLS) OVER look_back AS {what}"
        for what in ("risk_last_5", "risk_last_10", "fraud_t", "genuine_t")
    )
    return f"""
        SELECT no, run, day, {totals}, {held}, max(top) OVER look_back AS max_30d,
            min(first_fraud_t) OVER look_back AS first_fraud_t
        FROM grid LEFT JOIN spent USING (no, day) LEFT JOIN learned USING (no, day)
        LEFT JOIN (SELECT no, day, sum(step) AS partners FROM partners GROUP BY ALL)
            USING (no, day)
        WINDOW run_so_far AS ({_RUN} ROWS UNBOUNDED PRECEDING),
            look_back AS ({_RUN} ROWS {DAYS - 1} PRECEDING)"""


def _measured() -> str:
    windows = [("payments", "count", days) for days in SPENT_DAYS]
    windows += [(what, what, DAYS) for what in ("total", "squares")]
    windows += [(what, what, days) for days in KNOWN_DAYS for what in ("known", "frauds")]
    sums = ", ".join(
        f"all_{what} - lag(all_{what}, {days}, 0) OVER ({_RUN}) AS {name}_{days}d"
        for what, name, days in windows
    )
    return f"SELECT *, all_partners AS partners_30d, {sums} FROM totalled"


def _averaged() -> str:
    return f"""
        SELECT *, {exact_mean("count_30d", "total_30d", "mean_30d")}
        FROM measured JOIN midnights USING (day)"""


def _finished() -> str:
    spread = exact_std("count_30d", "total_30d", "squares_30d", "mean_30d", "std_30d")
    return f"SELECT *, {spread} FROM averaged"
