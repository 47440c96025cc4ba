"""The daily tables, against plain Python that follows their descriptions word by word."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from components.fraud.features import (
    FRAUD_MERCHANT_DAILY,
    FRAUD_USER_DAILY,
    build_feature_tables,
)
from components.fraud.history import Transaction
from tests.components.fraud.features.streams import (
    HOUR,
    STREAMS,
    ZONES,
    Outcome,
    Stream,
    outcomes_of,
    payments,
    read,
    write_lake,
)

Row = dict[str, float | None]


def midnights(zone: str, first: datetime, last: datetime) -> list[datetime]:
    """Local midnights from the day of `first` to `last`, in UTC."""
    local = first.astimezone(ZoneInfo(zone)).date()
    days = [local + timedelta(days=number) for number in range((last - first).days + 3)]
    found = [_midnight(day, zone) for day in days]
    return [moment for moment in found if moment <= last]


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)


class Truth:
    """What one entity's rows should be."""

    def __init__(
        self,
        transactions: Sequence[Transaction],
        outcomes: Sequence[Outcome],
        moments: list[datetime],
        until: datetime | None = None,
    ) -> None:
        self.transactions, self.moments, self.until = transactions, moments, until
        verdicts: dict[tuple[str, bool], datetime] = {}
        for outcome in sorted(outcomes, key=lambda o: o.outcome_timestamp):
            verdicts.setdefault(
                (outcome.transaction_id, outcome.is_fraud), outcome.outcome_timestamp
            )
        order = {t.transaction_id: (t.event_timestamp, t.transaction_id) for t in transactions}
        self.verdicts = sorted((when, order[i], fraud) for (i, fraud), when in verdicts.items())

    def rows(self, row: Callable[[int], Row]) -> dict[datetime, Row]:
        """The row of every midnight on which the entity has one."""
        return {self.moments[at]: row(at) for at in range(len(self.moments)) if self._alive(at)}

    def _alive(self, at: int) -> bool:
        happened = [t.event_timestamp for t in self.transactions]
        happened += [when for when, _, _ in self.verdicts]
        start, end = self.moments[max(0, at - 31)], self.moments[at]
        return any(start <= when < end or (at < 31 and when < end) for when in happened)

    def spent(self, at: int, days: int) -> list[Transaction]:
        return [t for t in self.transactions if self._within(t.event_timestamp, at, days)]

    def known(self, at: int, days: int) -> list[bool]:
        return [fraud for when, _, fraud in self.verdicts if self._told(when, at, days)]

    def newest(self, at: int, count: int) -> float | None:
        told = [fraud for when, _, fraud in self.verdicts if when < self._end(at)][-count:]
        return sum(told) / len(told) if self.known(at, 30) else None

    def since(self, at: int, fraud: bool, which: Callable[[list[datetime]], datetime]) -> Any:
        """Days since the first or the last of the frauds, or of the others, in 30 days."""
        told = [when for when, _, f in self.verdicts if f == fraud and self._told(when, at, 30)]
        return (self._end(at) - which(told)) / timedelta(days=1) if told else None

    def _end(self, at: int) -> datetime:
        """Until when outcomes count: the midnight, or a tick on the day that it begins."""
        return self.until or self.moments[at]

    def _told(self, when: datetime, at: int, days: int) -> bool:
        return when < self._end(at) and (at < days or when >= self.moments[at - days])

    def _within(self, when: datetime, at: int, days: int) -> bool:
        return when < self.moments[at] and (at < days or when >= self.moments[at - days])

    def spending(self, at: int, prefix: str, partner: str) -> Row:
        spent = self.spent(at, 30)
        amounts = [t.amount for t in spent]
        spread = statistics.stdev(amounts) if len(set(amounts)) > 1 else None
        return {
            f"{prefix}_count_30d": len(spent),
            f"{prefix}_mean_30d": statistics.fmean(amounts) if amounts else None,
            f"{prefix}_std_30d": spread,
            f"{prefix}_max_30d": max(amounts, default=None),
            f"{prefix}_{partner}s_30d": len({getattr(t, f"{partner}_id") for t in spent}),
        }

    def user(self, at: int) -> Row:
        return self.spending(at, "user", "merchant") | {"user_frauds_30d": sum(self.known(at, 30))}

    def merchant(self, at: int) -> Row:
        row = self.spending(at, "merchant", "user")
        row |= {f"merchant_count_{days}d": len(self.spent(at, days)) for days in (1, 7)}
        for days in (1, 3, 7, 14, 21, 28, 30):
            known = self.known(at, days)
            row |= {f"merchant_known_{days}d": len(known), f"merchant_frauds_{days}d": sum(known)}
            if days in (1, 7, 30):
                row[f"merchant_risk_{days}d"] = sum(known) / len(known) if known else None
        row |= {f"merchant_risk_last_{count}": self.newest(at, count) for count in (5, 10)}
        return row | {
            "merchant_days_since_fraud": self.since(at, True, max),
            "merchant_days_since_first_fraud": self.since(at, True, min),
            "merchant_days_since_genuine": self.since(at, False, max),
        }


def expected(
    transactions: Sequence[Transaction], outcomes: Sequence[Outcome], zone: str, key: str
) -> dict[tuple[str, datetime], Row]:
    """Every row of the daily table of `key` (user or merchant)."""
    last = max(t.event_timestamp for t in transactions)
    moments = midnights(zone, min(t.event_timestamp for t in transactions), last)
    rows = {}
    for entity in {getattr(t, f"{key}_id") for t in transactions}:
        own = [t for t in transactions if getattr(t, f"{key}_id") == entity]
        ids = {t.transaction_id for t in own}
        truth = Truth(own, [o for o in outcomes if o.transaction_id in ids], moments)
        for moment, row in truth.rows(getattr(truth, key)).items():
            rows[entity, moment] = row
    return rows


def built(rows: list[dict[str, Any]], entity: str) -> dict[tuple[str, datetime], Row]:
    """The rows of a daily table by entity and midnight."""
    other = (entity, "event_timestamp", "created")
    return {
        (row[entity], row["event_timestamp"]): {k: v for k, v in row.items() if k not in other}
        for row in rows
    }


def same(one: Row, other: Row) -> bool:
    """Whether two rows agree within rounding and on null."""
    if one.keys() != other.keys():
        return False
    return all(
        (a is None and b is None)
        or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9))
        for a, b in ((one[name], other[name]) for name in one)
    )


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(STREAMS, min_size=3, max_size=8), st.sampled_from(ZONES), st.integers(0, 2**32))
def test_daily_tables_are_what_they_say(streams: list[Stream], zone: str, seed: int) -> None:
    streams = [replace(stream, length=stream.length % 60 + 1) for stream in streams]
    transactions = [t for n, stream in enumerate(streams) for t in payments(stream, f"u{n}")]
    outcomes = outcomes_of(transactions, seed)
    with tempfile.TemporaryDirectory() as folder:
        lake = write_lake(Path(folder) / "lake", transactions, outcomes)
        tables = build_feature_tables(lake, Path(folder) / "out", zone)
        for table, key in ((FRAUD_USER_DAILY, "user"), (FRAUD_MERCHANT_DAILY, "merchant")):
            rows = built(read(tables[table.name]), table.entity)
            truth = expected(transactions, outcomes, zone, key)
            assert rows.keys() == truth.keys()
            assert [name for name in truth if not same(rows[name], truth[name])] == []


def ticks(truth: Truth, hours: int, last: datetime) -> dict[datetime, Row]:
    """The rows of a merchant between the midnights, by their moment."""
    epoch, tick, rows = datetime(1970, 1, 1, tzinfo=UTC), hours * HOUR, {}
    for when, _, _ in truth.verdicts:
        moment = epoch + ((when - epoch) // tick + 1) * tick
        at = max(n for n, midnight in enumerate(truth.moments) if midnight <= when)
        following = truth.moments[at + 1 : at + 2]
        if truth.moments[at] < moment <= last and not (following and moment >= following[0]):
            truth.until = moment
            rows[moment] = truth.merchant(at)
    return rows


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.lists(STREAMS, min_size=3, max_size=8),
    st.sampled_from(ZONES),
    st.integers(0, 2**32),
    st.sampled_from([1, 6]),
)
def test_a_refreshed_table_knows_what_became_known_since_midnight(
    streams: list[Stream], zone: str, seed: int, hours: int
) -> None:
    streams = [replace(stream, length=stream.length % 60 + 1) for stream in streams]
    transactions = [t for n, stream in enumerate(streams) for t in payments(stream, f"u{n}")]
    outcomes, last = outcomes_of(transactions, seed), max(t.event_timestamp for t in transactions)
    truth = expected(transactions, outcomes, zone, "merchant")
    moments = midnights(zone, min(t.event_timestamp for t in transactions), last)
    for merchant in {t.merchant_id for t in transactions}:
        own = [t for t in transactions if t.merchant_id == merchant]
        ids = {t.transaction_id for t in own}
        known = [o for o in outcomes if o.transaction_id in ids and o.outcome_timestamp < last]
        between = ticks(Truth(own, known, moments), hours, last)
        truth |= {(merchant, moment): row for moment, row in between.items()}
    with tempfile.TemporaryDirectory() as folder:
        lake = write_lake(Path(folder) / "lake", transactions, outcomes)
        tables = build_feature_tables(lake, Path(folder) / "out", zone, refresh_hours=hours)
        rows = built(read(tables["fraud_merchant_daily"]), "merchant_id")
    assert rows.keys() == truth.keys()
    assert [name for name in truth if not same(rows[name], truth[name])] == []


def payment(name: str, when: datetime, amount: float = 10.0) -> Transaction:
    """A payment of one user to one merchant."""
    return Transaction(name, when, "u", "m", amount)


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Asia/Seoul", datetime(2024, 3, 1, 15, tzinfo=UTC)),
        ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),  # 00:00 is skipped that day
        ("Europe/Lisbon", datetime(2024, 10, 28, tzinfo=UTC)),  # the day before had 25 hours
    ],
)
def test_a_midnight_sees_what_was_strictly_before_it(
    tmp_path: Path, zone: str, midnight: datetime
) -> None:
    instant = timedelta(microseconds=1)
    transactions = [
        payment("before", midnight - instant, 1.0),
        payment("at", midnight, 2.0),
        payment("later", midnight + timedelta(days=2), 4.0),
    ]
    outcomes = [Outcome("before", True, midnight), Outcome("at", True, midnight + HOUR)]
    tables = build_feature_tables(
        write_lake(tmp_path / "lake", transactions, outcomes), tmp_path / "out", zone
    )
    users = built(read(tables["fraud_user_daily"]), "user_id")
    merchants = built(read(tables["fraud_merchant_daily"]), "merchant_id")
    assert users["u", midnight]["user_max_30d"] == 1.0
    assert merchants["m", midnight]["merchant_known_30d"] == 0
    following = sorted(moment for _, moment in merchants if moment > midnight)[0]
    assert merchants["m", following]["merchant_max_30d"] == 2.0
    assert merchants["m", following]["merchant_frauds_1d"] == 2


def test_a_row_stands_for_thirty_days_and_a_closing_one_says_that_all_is_over(
    tmp_path: Path,
) -> None:
    start = datetime(2024, 1, 10, 12, tzinfo=UTC)
    transactions = [
        payment("first", start),
        payment("again", start + timedelta(days=90)),
        Transaction("other", start + timedelta(days=100), "v", "n", 1.0),
    ]
    tables = build_feature_tables(write_lake(tmp_path / "lake", transactions), tmp_path, "UTC")
    rows = built(read(tables["fraud_user_daily"]), "user_id")
    counts = [row["user_count_30d"] for (user, _), row in sorted(rows.items()) if user == "u"]
    assert counts == [1] * 30 + [0] + [1] * 10
    closing = rows["u", datetime(2024, 2, 10, tzinfo=UTC)]
    assert (closing["user_mean_30d"], closing["user_merchants_30d"]) == (None, 0)
