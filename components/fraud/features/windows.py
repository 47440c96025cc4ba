"""The offline engine of the live features: windows over each user's payments, in DuckDB.

A frame counts rows in the total order (event_timestamp, transaction_id), so that ties are as strict
offline as online; a time span is a number of rows too, and K caps every one of them.
"""

from __future__ import annotations

from components.common.features import FeatureTable
from components.fraud.features.moment import EARTH_KM, STEADY
from components.fraud.history import K

_HOURS = {"last_1h": 1, "last_24h": 24, "last_3d": 72, "last_7d": 168, "last_14d": 336}
_ROWS = {"last_5": 5, "last_10": 10, "last_64": K}
_SPREAD = tuple(_ROWS)
_TOPPED = ("last_5", "last_10", "last_64", "last_24h", "last_3d", "last_7d", "last_14d")
_SUMMED = ("last_1h", "last_24h", "last_7d")

_POSITION = "PARTITION BY user_no ORDER BY position"


def ordered_payments() -> str:
    """SQL of the table `ordered`: payments with their `position` in the user's own order.

    Also `until_<span>`: how many of the user's payments are at or before the far end of a span.
    """
    spans = ", ".join(
        f"count(*) OVER (PARTITION BY user_no ORDER BY t RANGE BETWEEN UNBOUNDED PRECEDING "
        f"AND {hours * 3_600_000_000} PRECEDING) AS until_{span}"
        for span, hours in _HOURS.items()
    )
    return f"""
        SELECT *, row_number() OVER (PARTITION BY user_no ORDER BY sequence) AS position, {spans}
        FROM payments"""


def visits() -> str:
    """SQL of earlier payments to the same merchant, and with the same device, among the last K."""
    frame = f"ORDER BY position RANGE BETWEEN {K} PRECEDING AND 1 PRECEDING"
    return f"""
        SELECT *,
            count(*) OVER (PARTITION BY user_no, merchant_no {frame}) AS merchant_visits,
            count(*) OVER (PARTITION BY user_no, device {frame}) AS device_uses
        FROM ordered"""


def _measures() -> str:
    spread = [
        f"avg(amount) OVER {window} AS mean_{window}, stddev_samp(amount) OVER {window} AS raw_std_{window}"
        for window in _SPREAD
    ]
    summed = [f"sum(amount) OVER {window} AS sum_{window}" for window in _SUMMED]
    topped = [f"max(amount) OVER {window} AS max_{window}" for window in _TOPPED]
    others = [
        "median(amount) OVER last_64 AS median_last_64",
        "lag(t) OVER own AS last_t",
        "lag(amount) OVER own AS last_amount",
        "count(device) OVER last_64 AS devices",
    ]
    others += [
        f"last_value(CASE WHEN longitude + latitude IS NOT NULL THEN {column} END IGNORE NULLS) "
        f"OVER last_64 AS place_{column}"
        for column in ("t", "latitude", "longitude")
    ]
    return ", ".join([*spread, *summed, *topped, *others])


def _frames() -> str:
    rows = {window: str(count) for window, count in _ROWS.items()}
    rows |= {span: f"count_{span}" for span in _HOURS}
    named = [
        f"{window} AS ({_POSITION} ROWS BETWEEN {count} PRECEDING AND 1 PRECEDING)"
        for window, count in rows.items()
    ]
    return ", ".join([f"own AS ({_POSITION})", *named])


def live_features(table: FeatureTable) -> str:
    """SQL of the finished table, in the order of events; reads `visited`."""
    counts = ", ".join(
        f"least({K}, position - 1 - until_{span}) AS count_{span}" for span in _HOURS
    )
    steady = ", ".join(
        f"CASE WHEN raw_std_{window} > {STEADY} * mean_{window} THEN raw_std_{window} END "
        f"AS std_{window}"
        for window in _SPREAD
    )
    return f"""
        WITH counted AS (
            SELECT *, least({K}, position - 1) AS count_last_64, {counts} FROM visited),
        measured AS (SELECT *, {_measures()} FROM counted WINDOW {_frames()}),
        steadied AS (SELECT *, {steady}, {_distance()} AS distance_km FROM measured)
        SELECT transaction_id, event_timestamp, event_timestamp AS created, {table.columns()}
        FROM steadied ORDER BY sequence"""


def _distance() -> str:
    north = "pow(sin(radians(latitude - place_latitude) / 2), 2)"
    east = "pow(sin(radians(longitude - place_longitude) / 2), 2)"
    chord = f"{north} + cos(radians(place_latitude)) * cos(radians(latitude)) * {east}"
    return f"2 * {EARTH_KM} * asin(least(1.0, sqrt({chord})))"


def user_history() -> str:
    """SQL of the newest state per user: the list columns of `History`, oldest payment first."""
    lists = {
        "timestamps": "t",
        "transaction_ids": "transaction_id",
        "amounts": "amount",
        "merchant_ids": "merchant_id",
        "device_ids": "coalesce(device_id, '')",
        "latitudes": "coalesce(latitude, 'nan'::DOUBLE)",
        "longitudes": "coalesce(longitude, 'nan'::DOUBLE)",
    }
    columns = ", ".join(
        f"list({value} ORDER BY position) AS {name}" for name, value in lists.items()
    )
    return f"""
        SELECT user_id, max(event_timestamp) AS event_timestamp,
            max(event_timestamp) AS created, {columns}
        FROM (SELECT * FROM ordered QUALIFY
              position > max(position) OVER (PARTITION BY user_no) - {K})
        GROUP BY user_id ORDER BY user_id"""
