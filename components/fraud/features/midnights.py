"""The offline engine of the daily features: one row per entity and local midnight, in DuckDB.

A row stands at every midnight of the thirty days after anything happened, and at the one after those,
where all has become empty: the newest row before a payment is always the true one, whatever its age.
One more stands at the midnight before each payment, so that a row that is looked up is never stale.
Days are numbers (since 1970, local); midnight `day` begins day `day`, and sees what was before it.
"""

from __future__ import annotations

from components.common.features import FeatureTable
from components.fraud.features.moment import STEADY

DAYS = 30
"""Local days that a midnight looks back."""
_SCALE = 1 << 40
"""Key of an order by (day, sequence) in one number, which a RANGE frame needs."""


def daily_features(table: FeatureTable, number: str, partner: str) -> str:
    """SQL of the finished table, by midnight and entity; reads `payments` and `known`.

    `number` is the column that numbers the entity (`user_no`), `partner` that of its counterpart.
    """
    return f"""
        WITH happened AS ({_happened(number)}),
        grid AS ({_grid()}),
        spent AS ({_spent(number)}),
        partners AS ({_partners(number, partner)}),
        learned AS ({_learned(number)}),
        measured AS ({_measured()})
        SELECT names.id AS {table.entity}, moment AS event_timestamp, moment AS created, {table.columns()}
        FROM (SELECT * REPLACE (
                CASE WHEN std_30d > {STEADY} * mean_30d THEN std_30d END AS std_30d),
                CASE WHEN day - fraud_day <= {DAYS}
                THEN (epoch_us(moment) - fraud_t) / 8.64e10 END AS days_since_fraud
              FROM measured JOIN midnights USING (day))
        JOIN {number}_names AS names ON names.no = entity
        ORDER BY day, entity"""


def _happened(number: str) -> str:
    return f"""
        SELECT entity, day, lead(day) OVER (PARTITION BY entity ORDER BY day) AS next_day
        FROM (SELECT {number} AS entity, day FROM payments
              UNION SELECT {number} AS entity, known_day AS day FROM known)"""


def _grid() -> str:
    last = f"least(day + {DAYS + 1}, coalesce(next_day, day + {DAYS + 1}), (SELECT max(day) FROM midnights))"
    return f"""
        SELECT entity, unnest(range(day + 1, {last} + 1))::INTEGER AS day FROM happened
        UNION ALL SELECT entity, next_day FROM happened WHERE next_day > day + {DAYS + 1}"""


def _spent(number: str) -> str:
    return f"""
        SELECT * EXCLUDE (key, amount) FROM (
            SELECT entity, day, key, amount, count(amount) OVER last_30d AS count_30d,
                count(amount) OVER last_7d AS count_7d, count(amount) OVER last_1d AS count_1d,
                avg(amount) OVER last_30d AS mean_30d, max(amount) OVER last_30d AS max_30d,
                stddev_samp(amount) OVER last_30d AS std_30d, midnight
            FROM (SELECT entity, day, day * {_SCALE} AS key, NULL AS amount, true AS midnight FROM grid
                  UNION ALL SELECT {number}, day, day * {_SCALE} + sequence, amount, false FROM payments)
            WINDOW {", ".join(f"last_{days}d AS ({_frame(days)})" for days in (1, 7, DAYS))})
        WHERE midnight"""


def _frame(days: int) -> str:
    return (
        f"PARTITION BY entity ORDER BY key RANGE BETWEEN {days * _SCALE} PRECEDING AND 1 PRECEDING"
    )


def _partners(number: str, partner: str) -> str:
    """Steps of the distinct count: a pair counts from the day after it met until 30 days later."""
    return f"""
        SELECT entity, day, sum(step)::BIGINT AS partner_step FROM (
            SELECT entity, unnest([day + 1, least(day + {DAYS + 1}, coalesce(next_day + 1, day + {DAYS + 1}))])
                AS day, unnest([1, -1]) AS step
            FROM (SELECT {number} AS entity, day, lead(day) OVER (
                      PARTITION BY {number}, {partner} ORDER BY day) AS next_day
                  FROM (SELECT DISTINCT {number}, {partner}, day FROM payments)))
        GROUP BY entity, day"""


def _learned(number: str) -> str:
    """What became known of an entity in one day; the last 5 and 10 as they stood at its end."""
    return f"""
        SELECT entity, known_day + 1 AS day, count(*) AS known, count(*) FILTER (is_fraud) AS frauds,
            max(known_t) FILTER (is_fraud) AS fraud_t,
            arg_max(risk_last_5, place) AS risk_last_5, arg_max(risk_last_10, place) AS risk_last_10
        FROM (SELECT {number} AS entity, known_day, known_t, is_fraud,
                  row_number() OVER told AS place,
                  avg(is_fraud::INTEGER) OVER (told ROWS 4 PRECEDING) AS risk_last_5,
                  avg(is_fraud::INTEGER) OVER (told ROWS 9 PRECEDING) AS risk_last_10
              FROM known WINDOW told AS (PARTITION BY {number} ORDER BY known_t, sequence, is_fraud))
        GROUP BY entity, known_day"""


def _measured() -> str:
    sums = ", ".join(
        f"coalesce(sum({what}) OVER learned_{days}d, 0)::DOUBLE AS {what}_{days}d"
        for days in (1, 3, 7, 14, 21, 28, DAYS)
        for what in ("known", "frauds")
    )
    held = ", ".join(
        f"last_value({what} IGNORE NULLS) OVER learned_{DAYS}d AS {what}"
        for what in ("risk_last_5", "risk_last_10", "fraud_t", "fraud_day")
    )
    frames = ", ".join(
        f"learned_{days}d AS (PARTITION BY entity ORDER BY day "
        f"RANGE BETWEEN {days - 1} PRECEDING AND CURRENT ROW)"
        for days in (1, 3, 7, 14, 21, 28, DAYS)
    )
    return f"""
        SELECT spent.*, {sums}, {held}, sum(coalesce(partner_step, 0)) OVER (
            PARTITION BY entity ORDER BY day ROWS UNBOUNDED PRECEDING) AS partners_30d
        FROM (SELECT *, CASE WHEN fraud_t IS NOT NULL THEN day END AS fraud_day FROM spent
              LEFT JOIN partners USING (entity, day) LEFT JOIN learned USING (entity, day)) AS spent
        WINDOW {frames}"""
