"""The lake as recommendation sees it, up to a moment: who paid where, and what is sold there."""
# ruff: noqa: S608 - SQL is put together from names of our own; moments are parameters

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from components.common import lake
from components.common.contracts import FEEDBACK, MERCHANTS, TRANSACTIONS, USERS
from components.common.lake_views import make_view
from components.recommendation.features.profiles import RECENT_DAYS

if TYPE_CHECKING:
    import duckdb

_MERCHANTS = """
CREATE TEMP TABLE shops AS
SELECT merchant_id,
       coalesce(any_value(m.category), mode(t.category), 'unknown') AS category,
       coalesce(any_value(m.latitude), median(t.latitude)) AS latitude,
       coalesce(any_value(m.longitude), median(t.longitude)) AS longitude,
       coalesce(any_value(m.name), merchant_id) AS name
FROM (SELECT merchant_id FROM known_merchants UNION SELECT merchant_id FROM payments)
LEFT JOIN known_merchants m USING (merchant_id)
LEFT JOIN payments t USING (merchant_id)
WHERE EXISTS (SELECT 1 FROM payments)
GROUP BY merchant_id
"""
_SEGMENTS = """
CREATE TEMP TABLE people AS
SELECT user_id, coalesce(any_value(segment), 0) AS segment FROM (
    SELECT user_id, NULL AS segment FROM payments
    UNION ALL
    SELECT user_id, least(greatest((year($as_of) - arg_max(birth_year, event_timestamp)) // 10, 1),
                          7) AS segment
    FROM profiles WHERE event_timestamp <= $as_of AND EXISTS (SELECT 1 FROM payments)
    GROUP BY user_id)
GROUP BY user_id
"""


@contextmanager
def opened(
    root: Path, as_of: datetime | None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, datetime]]:
    """A connection with `payments`, `recent`, `shops`, `people` and `clicks` as of a moment.

    Comes with the moment. payments: every payment known by then; clicks: what was followed on a
    list by then; recent: those of the last 90 days; shops: every merchant
    with category, name and place; people: everybody with their segment (tens of years of age; 0 is
    unknown). Without a moment it is that of the newest payment. A lake without payments has nobody
    and nothing.
    """
    connection = lake.connect()
    try:
        for table in (TRANSACTIONS, MERCHANTS, USERS, FEEDBACK):
            make_view(connection, root, table)
        moment = as_of or _newest(connection)
        told = {"as_of": moment}
        connection.execute(
            """CREATE TEMP TABLE payments AS
            SELECT user_id, merchant_id, event_timestamp, amount, category, channel,
                   latitude, longitude
            FROM transactions WHERE event_timestamp <= $as_of""",
            told,
        )
        connection.execute(
            """CREATE TEMP TABLE clicks AS
            SELECT user_id, item_id AS merchant_id, event_timestamp
            FROM feedback WHERE kind = 'click' AND event_timestamp <= $as_of""",
            told,
        )
        connection.execute("CREATE TEMP VIEW known_merchants AS SELECT * FROM merchants")
        connection.execute("CREATE TEMP VIEW profiles AS SELECT * FROM users")
        connection.execute(_MERCHANTS)
        connection.execute(_SEGMENTS, told)
        connection.execute(
            f"""CREATE TEMP TABLE recent AS
            SELECT p.*, s.category AS sells FROM payments p JOIN shops s USING (merchant_id)
            WHERE event_timestamp > $as_of - INTERVAL {RECENT_DAYS} DAY""",
            told,
        )
        yield connection, moment
    finally:
        connection.close()


def _newest(connection: duckdb.DuckDBPyConnection) -> datetime:
    found = connection.execute("SELECT max(event_timestamp) FROM transactions").fetchone()
    return datetime(1970, 1, 1, tzinfo=UTC) if found is None or found[0] is None else found[0]
