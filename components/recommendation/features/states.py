"""Lists about a customer or a segment: where was paid, how often and when; what is popular."""

from __future__ import annotations

K = 200
"""Merchants of a customer that are remembered, the newest payment first."""
POPULAR = 100
"""Merchants of a segment that are kept."""
EVERYBODY = "all"
"""The segment that everybody is in."""

USER_HISTORY = "recommendation_user_history"
HISTORY_COLUMNS: dict[str, type] = {"merchants": str, "counts": int, "last_paid": int}
"""Columns of a history: merchants, payments at each, and the last of them (µs since 1970)."""

LISTS = "recommendation_lists"
LIST_COLUMNS: dict[str, type] = {"merchants": str, "probabilities": float, "version": str}
"""Columns of a list that was made for everybody at once: best first, and the version that did."""

SEGMENT_POPULAR = "recommendation_segment_popular"
SEGMENT = "segment_id"
POPULAR_COLUMNS: dict[str, type] = {"merchants": str, "users": int}
"""Columns of a segment: merchants with the most customers of the last 90 days, and how many."""

HISTORY_SQL = f"""
SELECT user_id, $as_of AS event_timestamp, $as_of AS created,
       list(merchant_id ORDER BY last DESC, merchant_id) AS merchants,
       list(count ORDER BY last DESC, merchant_id) AS counts,
       list(epoch_us(last) ORDER BY last DESC, merchant_id) AS last_paid
FROM (
    SELECT user_id, merchant_id, count(*) AS count, max(event_timestamp) AS last
    FROM payments GROUP BY user_id, merchant_id
    QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY last DESC, merchant_id) <= {K}
)
GROUP BY user_id ORDER BY user_id
"""  # noqa: S608 - a number of ours

POPULAR_SQL = f"""
WITH paid AS (
    SELECT DISTINCT user_id, merchant_id, segment FROM recent JOIN people USING (user_id)),
grouped AS (
    SELECT segment::VARCHAR AS segment_id, merchant_id, count(*) AS users FROM paid GROUP BY ALL
    UNION ALL
    SELECT '{EVERYBODY}', merchant_id, count(*) FROM paid GROUP BY merchant_id
)
SELECT segment_id, $as_of AS event_timestamp, $as_of AS created,
       list(merchant_id ORDER BY users DESC, merchant_id) AS merchants,
       list(users ORDER BY users DESC, merchant_id) AS users
FROM (
    SELECT * FROM grouped
    QUALIFY row_number() OVER (PARTITION BY segment_id ORDER BY users DESC, merchant_id)
        <= {POPULAR}
)
GROUP BY segment_id ORDER BY segment_id
"""  # noqa: S608 - names of ours
