"""The peer: the same features with pandas, `groupby(…).rolling(…)`, all in memory.

Two things rolling cannot say: payments of a user at the very same time do not see each other, and a
span of time is not cut to the last 64 payments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from components.fraud.features.daily import KNOWN_DAYS, LAST_KNOWN, RISK_DAYS

Columns = dict[str, Any]
SPANS = {"last_1h": "1h", "last_24h": "24h", "last_3d": "3D", "last_7d": "7D", "last_14d": "14D"}
K = 64


@dataclass(frozen=True)
class Entity:
    """Whose days are described: its column, that of its counterpart, and how features are named."""

    prefix: str
    partner: str

    @property
    def column(self) -> str:
        return f"{self.prefix}_id"


USER, MERCHANT = Entity("user", "merchant"), Entity("merchant", "user")


def transaction_features(payments: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """Features of each payment, by `transaction_id`; payments as in the contract table."""
    frame = payments.sort_values(["user_id", "event_timestamp", "transaction_id"])
    frame = frame.reset_index(drop=True)
    amount, own = frame["amount"], frame.groupby("user_id", sort=False)
    columns = _calendar(frame, zone) | _spans(own) | _own_past(amount, own) | _places(frame, own)
    columns["history_count"] = own.cumcount().clip(upper=K)
    columns["seconds_since_last"] = own["event_timestamp"].diff().dt.total_seconds()
    columns["amount_to_last"] = amount / own["amount"].shift()
    for span in ("last_24h", "last_3d", "last_7d", "last_14d"):
        columns[f"amount_to_max_{span}"] = amount / columns[f"amount_max_{span}"]
    median = columns.pop("median")
    for span in ("last_3d", "last_7d", "last_14d"):
        columns[f"amount_top_{span}"] = columns[f"amount_max_{span}"] / median
    for name in ("merchant", "device"):
        columns[f"new_{name}"] = _new(frame, f"{name}_id")
    return pd.DataFrame({"transaction_id": frame["transaction_id"], **columns})


def _calendar(frame: pd.DataFrame, zone: ZoneInfo) -> Columns:
    clock = frame["event_timestamp"].dt.tz_convert(zone).dt
    return {
        "amount": frame["amount"],
        "amount_log": np.log1p(frame["amount"]),
        "hour": clock.hour,
        "day_of_week": clock.weekday,
        "is_weekend": clock.weekday >= 5,
        "is_night": clock.hour < 6,
    }


def _spans(own: pd.api.typing.DataFrameGroupBy) -> Columns:
    columns: Columns = {}
    for name, span in SPANS.items():
        rolled = own.rolling(span, on="event_timestamp", closed="left")["amount"]
        columns[f"count_{name}"] = _flat(rolled.count()).fillna(0).clip(upper=K)
        if name in ("last_1h", "last_24h", "last_7d"):
            columns[f"amount_sum_{name}"] = _flat(rolled.sum()).fillna(0)
        if name != "last_1h":
            columns[f"amount_max_{name}"] = _flat(rolled.max())
    return columns


def _own_past(amount: pd.Series, own: pd.api.typing.DataFrameGroupBy) -> Columns:
    columns: Columns = {}
    for count in (5, 10, K):
        rolled = own["amount"].rolling(count, min_periods=1, closed="left")
        mean, std = _flat(rolled.mean()), _steady(_flat(rolled.std()))
        columns[f"amount_mean_last_{count}"] = mean
        columns[f"amount_std_last_{count}"] = std
        columns[f"amount_zscore_last_{count}"] = (amount - mean) / std
        columns[f"amount_to_mean_last_{count}"] = amount / mean
        top = _flat(rolled.max())
        columns[f"amount_to_max_last_{count}"] = amount / top
    median = _flat(own["amount"].rolling(K, min_periods=1, closed="left").median())
    columns[f"amount_to_median_last_{K}"] = amount / median
    return columns | {f"amount_top_last_{K}": top / median, "median": median}


def _new(frame: pd.DataFrame, column: str) -> pd.Series:
    """Whether the last value of a window of K + 1 is not among those before it."""
    codes = pd.Series(pd.factorize(frame[column])[0], dtype=float)
    if (codes < 0).all():
        return pd.Series(np.nan, index=frame.index)
    rolled = codes.groupby(frame["user_id"], sort=False).rolling(K + 1, min_periods=2)
    return _flat(rolled.apply(_is_new, raw=True))


def _is_new(window: np.ndarray) -> float:
    known = window[:-1][window[:-1] >= 0]
    return float(window[-1] not in known) if window[-1] >= 0 and len(known) else np.nan


def _places(frame: pd.DataFrame, own: pd.api.typing.DataFrameGroupBy) -> Columns:
    placed = frame["latitude"].notna() & frame["longitude"].notna()
    last = pd.DataFrame(
        {
            "t": frame["event_timestamp"].where(placed),
            "latitude": np.radians(frame["latitude"].where(placed)),
            "longitude": np.radians(frame["longitude"].where(placed)),
        }
    )
    before = last.groupby(frame["user_id"], sort=False).ffill().groupby(frame["user_id"]).shift()
    north = np.sin((last["latitude"] - before["latitude"]) / 2) ** 2
    east = np.sin((last["longitude"] - before["longitude"]) / 2) ** 2
    chord = north + np.cos(last["latitude"]) * np.cos(before["latitude"]) * east
    distance = 2 * 6371.0088 * np.arcsin(np.sqrt(np.minimum(chord, 1)))
    hours = (frame["event_timestamp"] - before["t"]).dt.total_seconds() / 3600
    return {"distance_km": distance, "speed_kmh": distance / np.maximum(hours, 1 / 60)}


def daily_features(
    payments: pd.DataFrame, outcomes: pd.DataFrame, who: Entity, zone: ZoneInfo
) -> pd.DataFrame:
    """Features of each user or merchant at each local midnight, by entity and `event_timestamp`.

    outcomes: one row per known outcome with `outcome_timestamp`, `is_fraud` and the entity.
    """
    clock = payments.assign(at=_wall(payments["event_timestamp"], zone))
    known = outcomes.assign(at=_wall(outcomes["outcome_timestamp"], zone))
    grid = _grid(clock, who.column)
    columns = _spending(clock, grid, who) | _learned(known, grid, who)
    rows = grid.assign(**{name: values.to_numpy() for name, values in columns.items()})
    rows["event_timestamp"] = rows.pop("at").dt.tz_localize(zone, nonexistent="shift_forward")
    rows["event_timestamp"] = rows["event_timestamp"].dt.tz_convert("UTC")
    return rows


def _wall(moments: pd.Series, zone: ZoneInfo) -> pd.Series:
    return moments.dt.tz_convert(zone).dt.tz_localize(None).dt.as_unit("us")


def _grid(clock: pd.DataFrame, entity: str) -> pd.DataFrame:
    """Every midnight of every entity from the day after its first payment."""
    first = clock.groupby(entity)["at"].min().dt.normalize() + pd.Timedelta(days=1)
    days = pd.DataFrame(
        {"at": pd.date_range(first.min(), clock["at"].max().normalize(), unit="us")}
    )
    grid = first.rename("first").reset_index().merge(days, how="cross")
    grid = grid[grid["at"] >= grid["first"]].drop(columns="first")
    return grid.sort_values([entity, "at"]).reset_index(drop=True)


def _at_midnights(
    events: pd.DataFrame, grid: pd.DataFrame, entity: str
) -> Callable[[int, str, Callable[..., pd.Series]], pd.Series]:
    """A function that rolls a column of events over days and reads it at the midnights."""
    both = pd.concat([events.assign(midnight=False), grid.assign(midnight=True)])
    both = both.sort_values([entity, "at", "midnight"], kind="stable").reset_index(drop=True)
    grouped = both.groupby(entity, sort=False)

    def roll(days: int, column: str, apply: Callable[..., pd.Series]) -> pd.Series:
        rolled = grouped.rolling(f"{days}D", on="at", closed="left", min_periods=0)[column]
        return _flat(apply(rolled))[both["midnight"]]

    return roll


def _spending(clock: pd.DataFrame, grid: pd.DataFrame, who: Entity) -> Columns:
    events = clock[[who.column, "at", "amount"]].assign(
        partner=pd.factorize(clock[f"{who.partner}_id"])[0].astype(float)
    )
    roll, name = _at_midnights(events, grid, who.column), who.prefix
    columns = {
        f"{name}_count_30d": roll(30, "amount", lambda r: r.count()),
        f"{name}_mean_30d": roll(30, "amount", lambda r: r.mean()),
        f"{name}_std_30d": _steady(roll(30, "amount", lambda r: r.std())),
        f"{name}_max_30d": roll(30, "amount", lambda r: r.max()),
        f"{name}_{who.partner}s_30d": roll(30, "partner", lambda r: r.apply(_distinct, raw=True)),
    }
    if who is MERCHANT:
        for days in (1, 7):
            columns[f"merchant_count_{days}d"] = roll(days, "amount", lambda r: r.count())
    return columns


def _distinct(window: np.ndarray) -> float:
    return float(len(np.unique(window[~np.isnan(window)])))


def _learned(known: pd.DataFrame, grid: pd.DataFrame, who: Entity) -> Columns:
    events = known[[who.column, "at"]].assign(fraud=known["is_fraud"].astype(float))
    events = events.sort_values([who.column, "at"], kind="stable").reset_index(drop=True)
    events["when"] = events["at"].astype("int64").where(events["fraud"] > 0)
    roll = _at_midnights(events, grid, who.column)
    if who is USER:
        return {"user_frauds_30d": roll(30, "fraud", lambda r: r.sum())}
    columns: Columns = {}
    for days in KNOWN_DAYS:
        columns[f"merchant_known_{days}d"] = roll(days, "fraud", lambda r: r.count())
        columns[f"merchant_frauds_{days}d"] = roll(days, "fraud", lambda r: r.sum())
        if days in RISK_DAYS:
            columns[f"merchant_risk_{days}d"] = (
                columns[f"merchant_frauds_{days}d"] / columns[f"merchant_known_{days}d"]
            )
    first = roll(30, "when", lambda r: r.min()).to_numpy()
    columns["merchant_days_since_first_fraud"] = (grid["at"].astype("int64") - first) / 8.64e10
    return columns | _newest(events.drop(columns="when"), grid, who)


def _newest(events: pd.DataFrame, grid: pd.DataFrame, who: Entity) -> Columns:
    fraud = events.groupby(who.column, sort=False)["fraud"]
    told = events.assign(
        **{
            f"merchant_risk_last_{count}": _flat(fraud.rolling(count, min_periods=1).mean())
            for count in LAST_KNOWN
        }
    ).sort_values("at", kind="stable")
    frauds, others = (
        told.loc[told["fraud"] == kind, [who.column, "at"]].assign(**{name: lambda f: f["at"]})
        for kind, name in ((1, "fraud_at"), (0, "genuine_at"))
    )
    order = grid.reset_index().sort_values("at", kind="stable")
    joined = order
    for right in (told.drop(columns="fraud"), frauds, others):
        joined = pd.merge_asof(
            joined, right, on="at", by=who.column, allow_exact_matches=False,
            tolerance=pd.Timedelta(days=30),
        )  # fmt: skip
    joined = joined.set_index("index").sort_index()
    return {
        f"merchant_risk_last_{count}": joined[f"merchant_risk_last_{count}"] for count in LAST_KNOWN
    } | {
        f"merchant_days_since_{what}": (joined["at"] - joined[f"{what}_at"]).dt.total_seconds()
        / 86_400
        for what in ("fraud", "genuine")
    }


def _steady(std: pd.Series) -> pd.Series:
    """Null where amounts are all alike: rolling leaves zero or rounding noise there."""
    return std.where(std > 1e-4)


def _flat(rolled: Any) -> pd.Series:
    """Rolling puts the group before the index; the rows are in order already."""
    return rolled.reset_index(drop=True)
