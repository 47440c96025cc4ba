"""The offline engine of the live features: windows over each user's payments, in DuckDB.

A frame counts rows in the total order (event_timestamp, transaction_id), so that ties are as strict
offline as online; a time span is a number of rows too, and K caps every one of them. Sums are
differences of running totals of whole numbers (`milli`), so they are exact.
"""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted or parameters

from __future__ import annotations

from components.common.features import FeatureTable
from components.fraud.features.moment import EARTH_KM, SPANS
from components.fraud.history import K

_ROWS = {"last_5": 5, "last_10": 10, f"last_{K}": K}
_SUMMED = (*_ROWS, "last_1h", "last_24h", "last_7d")
_TOPPED = (*_ROWS, "last_24h", "last_3d", "last_7d", "last_14d")

_OWN = "PARTITION BY user_no ORDER BY position"


def ordered_payments() -> str:
    """SQL of the table `ordered`: payments with their `position` in the user's own order.

    Also `until_<span>`, how many of the user's payments are at or before the far end of a span.
    """
    spans = ", ".join(
        "count(*) OVER (PARTITION BY user_no ORDER BY t RANGE BETWEEN UNBOUNDED PRECEDING "
        f"AND {hours * 3_600_000_000} PRECEDING) AS until_{span}"
        for span, hours in SPANS.items()
    )
    return f"""
        SELECT *, row_number() OVER (PARTITION BY user_no ORDER BY sequence) AS position, {spans}
        FROM payments"""


def seen_before() -> str:
    """SQL of `ordered` with whether the merchant and the device are among the last K payments."""
    last = "PARTITION BY user_no, {}_no ORDER BY position"
    seen = ", ".join(
        f"coalesce(position - lag(position) OVER ({last.format(what)}) <= {K}, false) AS {what}_seen"
        for what in ("merchant", "device")
    )
    return f"SELECT *, {seen} FROM ordered"


def _totals() -> str:
    """Running totals strictly before a payment; `lag` reads those at the far end of a window."""
    before = f"({_OWN} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    return (
        f"coalesce(sum(milli) OVER {before}, 0) AS total, "
        f"coalesce(sum(milli::HUGEINT * milli) OVER {before}, 0) AS squares"
    )


def _counts() -> str:
    rows = [f"least({count}, position - 1) AS count_{window}" for window, count in _ROWS.items()]
    spans = [f"least({K}, position - 1 - until_{span}) AS count_{span}" for span in SPANS]
    return ", ".join([*rows, *spans])


def _measures() -> str:
    summed = [f"total - lag(total, count_{w}) OVER own AS total_{w}" for w in _SUMMED]
    squared = [f"squares - lag(squares, count_{w}) OVER own AS squares_{w}" for w in _ROWS]
    topped = [
        f"max(amount) OVER ({_OWN} ROWS BETWEEN count_{w} PRECEDING AND 1 PRECEDING) AS max_{w}"
        for w in _TOPPED
    ]
    placed = [
        f"last_value(CASE WHEN longitude + latitude IS NOT NULL THEN {column} END IGNORE NULLS) "
        f"OVER remembered AS place_{column}"
        for column in ("t", "latitude", "longitude")
    ]
    others = [
        f"median(amount) OVER remembered AS median_last_{K}",
        "count(device_no) OVER remembered AS devices",
        "lag(t) OVER own AS last_t",
        "lag(amount) OVER own AS last_amount",
    ]
    return ", ".join([*summed, *squared, *topped, *placed, *others])


def _statistics() -> str:
    sums = [f"total_{w} / 1000.0 AS sum_{w}" for w in _SUMMED]
    means = [f"total_{w} / nullif(1000.0 * count_{w}, 0) AS mean_{w}" for w in _ROWS]
    stds = [f"{exact_std(f'count_{w}', f'total_{w}', f'squares_{w}')} AS std_{w}" for w in _ROWS]
    return ", ".join([*sums, *means, *stds])


def exact_std(count: str, total: str, squares: str) -> str:
    """SQL of a sample standard deviation from whole-number sums; null where all are alike.

    About the whole part q of the mean, sum (x - q)^2 = squares - 2 q total + n q^2 is a whole number
    too: nothing cancels, whatever the size of the amounts.
    """
    middle = f"({total} // nullif({count}, 0))"
    about = f"({squares} - 2 * {middle} * {total} + {count} * {middle} * {middle})::DOUBLE"
    rest = f"({total} - {count} * {middle})::DOUBLE"
    variance = f"({about} - {rest} * {rest} / {count}) / ({count} - 1)"
    return f"CASE WHEN {count} > 1 AND {variance} > 0 THEN sqrt({variance}) / 1000.0 END"


def live_features(table: FeatureTable) -> str:
    """SQL of the finished table, in the order of events."""
    return f"""
        WITH counted AS (SELECT *, {_counts()}, {_totals()} FROM ({seen_before()})),
        measured AS (
            SELECT *, {_measures()} FROM counted
            WINDOW own AS ({_OWN}), remembered AS ({_OWN} ROWS BETWEEN {K} PRECEDING AND 1 PRECEDING)),
        finished AS (SELECT *, {_statistics()}, {_distance()} AS distance_km FROM measured)
        SELECT transaction_id, make_timestamptz(t) AS event_timestamp,
            make_timestamptz(t) AS created, {table.columns()}
        FROM finished ORDER BY sequence"""


def _distance() -> str:
    north = "pow(sin(radians(latitude - place_latitude) / 2), 2)"
    east = "pow(sin(radians(longitude - place_longitude) / 2), 2)"
    chord = f"{north} + cos(radians(place_latitude)) * cos(radians(latitude)) * {east}"
    return f"2 * {EARTH_KM} * asin(sqrt(CASE WHEN {chord} > 1 THEN 1 ELSE {chord} END))"


def user_history() -> str:
    """SQL of the newest state per user: the list columns of `History`, oldest payment first."""
    lists = {
        "timestamps": "t",
        "transaction_ids": "transaction_id",
        "amounts": "amount",
        "merchant_ids": "merchants.id",
        "device_ids": "coalesce(devices.id, '')",
        "latitudes": "coalesce(latitude, 'nan'::DOUBLE)",
        "longitudes": "coalesce(longitude, 'nan'::DOUBLE)",
    }
    columns = ", ".join(
        f"list({value} ORDER BY position) AS {name}" for name, value in lists.items()
    )
    newest = f"position > max(position) OVER (PARTITION BY user_no) - {K}"
    return f"""
        SELECT users.id AS user_id, make_timestamptz(max(t)) AS event_timestamp,
            make_timestamptz(max(t)) AS created, {columns}
        FROM (SELECT * FROM ordered QUALIFY {newest})
        JOIN user_names AS users ON users.no = user_no
        JOIN merchant_names AS merchants ON merchants.no = merchant_no
        LEFT JOIN device_names AS devices ON devices.no = device_no
        GROUP BY users.id ORDER BY users.id"""
