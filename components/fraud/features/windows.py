"""The offline engine of the live features: windows over each user's payments, in DuckDB.

A frame counts rows in the total order (event_timestamp, transaction_id), so that ties are as strict
offline as online; a span of time is a number of rows too, and K caps every one of them. Sums are
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

_OWN = "PARTITION BY user_no ORDER BY t, sequence"


def ordered_payments() -> str:
    """SQL of the table `ordered`: payments with their `position` in the user's own order.

    Also `total` and `squares`, the running sums before a payment, and `until_<span>`, how many of
    the user's payments are at or before the far end of a span.
    """
    spans = ", ".join(
        "count(*) OVER (PARTITION BY user_no ORDER BY t RANGE BETWEEN UNBOUNDED PRECEDING "
        f"AND {hours * 3_600_000_000} PRECEDING)::INTEGER AS until_{span}"
        for span, hours in SPANS.items()
    )
    return f"""
        SELECT *, row_number() OVER ({_OWN})::INTEGER AS position, {spans},
            coalesce(sum(milli) OVER before, 0)::BIGINT AS total,
            coalesce(sum(milli::HUGEINT * milli) OVER before, 0) AS squares
        FROM payments
        WINDOW before AS ({_OWN} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"""


def _seen_before() -> str:
    """`ordered` with whether the merchant and the device are among the last K payments."""
    last = "PARTITION BY user_no, {}_no ORDER BY position"
    seen = ", ".join(
        f"coalesce(position - lag(position) OVER ({last.format(what)}) <= {K}, false) "
        f"AS {what}_seen"
        for what in ("merchant", "device")
    )
    return f"SELECT *, {seen} FROM ordered"


def _counts() -> str:
    rows = [
        f"least({count}, position - 1)::TINYINT AS count_{window}"
        for window, count in _ROWS.items()
    ]
    spans = [f"least({K}, position - 1 - until_{span})::TINYINT AS count_{span}" for span in SPANS]
    return ", ".join([*rows, *spans])


def _measures() -> str:
    summed = [f"total - lag(total, count_{w}) OVER own AS total_{w}" for w in _SUMMED]
    squared = [f"squares - lag(squares, count_{w}) OVER own AS squares_{w}" for w in _ROWS]
    topped = [
        f"max(amount) OVER (own ROWS BETWEEN count_{w} PRECEDING AND 1 PRECEDING) AS max_{w}"
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
    sums = [f"total_{w} / 1000.0::DOUBLE AS sum_{w}" for w in _SUMMED]
    means = [exact_mean(f"count_{w}", f"total_{w}", f"mean_{w}") for w in _ROWS]
    return ", ".join([*sums, *means])


def _spreads() -> str:
    return ", ".join(
        exact_std(f"count_{w}", f"total_{w}", f"squares_{w}", f"mean_{w}", f"std_{w}")
        for w in _ROWS
    )


def exact_mean(count: str, total: str, name: str) -> str:
    """SQL of a mean from whole-number sums; null for no payments."""
    return f"{total} / nullif(1000.0::DOUBLE * {count}, 0) AS {name}"


def exact_std(count: str, total: str, squares: str, mean: str, name: str) -> str:
    """SQL of a sample standard deviation from whole-number sums; null where all are alike.

    About any whole number q near the mean, sum (x - q)^2 = squares - q (2 total - n q) is a whole
    number too: nothing cancels, whatever the size of the amounts.
    """
    middle = f"(1000 * {mean})::BIGINT"
    rest = f"({total} - {count} * {middle})::DOUBLE"
    about = f"({squares} - {middle}::HUGEINT * (2 * {total} - {count} * {middle}))::DOUBLE"
    spread = f"({about} - {rest} * {rest} / {count})"
    return (
        f"CASE WHEN {count} > 1 THEN "
        f"sqrt(nullif(greatest({spread}, 0), 0) / ({count} - 1)) / 1000 END AS {name}"
    )


def live_features(table: FeatureTable) -> str:
    """SQL of the finished table, in the order of events; reads `ordered`."""
    return f"""
        WITH counted AS (SELECT *, {_counts()} FROM ({_seen_before()})),
        measured AS (
            SELECT *, {_measures()} FROM counted
            WINDOW own AS (PARTITION BY user_no ORDER BY position),
                remembered AS (own ROWS BETWEEN {K} PRECEDING AND 1 PRECEDING)),
        averaged AS (SELECT *, {_statistics()}, {_distance()} AS distance_km FROM measured),
        finished AS (SELECT *, {_spreads()} FROM averaged)
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
