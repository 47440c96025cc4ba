"""Rows between the midnights: what became known of a merchant since the last one.

Labels are late enough; a table that is refreshed every hour must not make them half a day later. A
row stands at every tick (a whole number of hours since 1970) after which something is known that
was not at the tick before. Its windows begin at the same midnights as those of its day's first row,
so that only what became known today is added, and the newest row before a payment is still true.
"""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted or parameters

from __future__ import annotations

from components.fraud.features.daily import KNOWN_DAYS, LAST_KNOWN, SPENT_DAYS

HOUR = 3_600_000_000
"""Microseconds."""

LEARNED = ", ".join(
    [
        "count(*) AS known",
        "count(*) FILTER (is_fraud) AS frauds",
        "max(known_t) FILTER (is_fraud) AS fraud_t",
        "min(known_t) FILTER (is_fraud) AS first_fraud_t",
        "max(known_t) FILTER (NOT is_fraud) AS genuine_t",
        *(f"arg_max(last_{count}, place) AS risk_last_{count}" for count in LAST_KNOWN),
    ]
)
"""What the outcomes of a span say together, over the columns of `told`."""


def told(entity: str) -> str:
    """SQL of what became known of each entity, in order, with the newest outcomes at each."""
    newest = ", ".join(
        f"avg(is_fraud::INTEGER) OVER (told ROWS {count - 1} PRECEDING) AS last_{count}"
        for count in LAST_KNOWN
    )
    return f"""
        SELECT {entity}_no AS no, known_day, known_t, is_fraud,
            row_number() OVER told AS place, {newest}
        FROM known
        WINDOW told AS (PARTITION BY {entity}_no ORDER BY known_t, sequence, is_fraud)"""


def between_midnights(entity: str, hours: int, last: int) -> str:
    """SQL of the rows at ticks of so many hours up to `last` (microseconds); reads `finished`."""
    zeros = [f"count_{days}d" for days in SPENT_DAYS] + ["partners_30d"]
    columns = [f"coalesce(m.{name}, 0) AS {name}" for name in zeros]
    columns += [f"m.{name}" for name in ("mean_30d", "std_30d", "max_30d")]
    columns += [
        f"coalesce(m.{what}_{days}d, 0) + n.{what} AS {what}_{days}d"
        for days in KNOWN_DAYS
        for what in ("known", "frauds")
    ]
    columns += [f"n.risk_last_{count}" for count in LAST_KNOWN]
    columns += [f"coalesce(n.{what}_t, m.{what}_t) AS {what}_t" for what in ("fraud", "genuine")]
    return f"""
        SELECT no, make_timestamptz(n.tick) AS moment, {", ".join(columns)},
            coalesce(m.first_fraud_t, n.first_fraud_t) AS first_fraud_t
        FROM ({_news(entity, hours)}) AS n
        LEFT JOIN finished AS m USING (no, day)
        LEFT JOIN midnights AS today ON today.day = n.day
        LEFT JOIN midnights AS tomorrow ON tomorrow.day = n.day + 1
        WHERE n.tick <= {last} AND n.tick > coalesce(epoch_us(today.moment), 0)
            AND n.tick < coalesce(epoch_us(tomorrow.moment), n.tick + 1)"""


def _news(entity: str, hours: int) -> str:
    """What became known of an entity from the beginning of a day until each tick with news."""
    tick = hours * HOUR
    sums = ", ".join(f"sum({what}) OVER so_far AS {what}" for what in ("known", "frauds"))
    newest = ", ".join(f"max({what}_t) OVER so_far AS {what}_t" for what in ("fraud", "genuine"))
    return f"""
        SELECT no, day, tick, {sums}, {newest}, min(first_fraud_t) OVER so_far AS first_fraud_t,
            {", ".join(f"risk_last_{count}" for count in LAST_KNOWN)}
        FROM (SELECT no, known_day AS day, (known_t // {tick} + 1) * {tick} AS tick, {LEARNED}
              FROM ({told(entity)}) GROUP BY ALL)
        WINDOW so_far AS (PARTITION BY no, day ORDER BY tick ROWS UNBOUNDED PRECEDING)"""
