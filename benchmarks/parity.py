"""Every input of every decision, as the online path gave it, against the offline tables.

Payments are decided once more in the order of time by the code that the service runs, on Redis and
on SQLite; at each midnight the data pipeline publishes what it could have known by then. The peer
is the training path: Feast's point-in-time join over tables of the whole history.
"""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import SecretStr

from benchmarks.parity_replay import Lane, Refresh, moments, refreshes
from benchmarks.redis_server import redis_server
from benchmarks.report import Row, Say
from components.common import lake
from components.common.feature_tables import build
from components.common.lags import Numbers, at_lag, parse_lag
from components.common.parity import Floats, lagged, mismatches
from components.common.provenance import code_digest
from components.common.settings import Settings
from components.common.training_data import SPLIT, TEST, point_in_time, with_past
from components.fraud import LSTM
from components.fraud.features import FEATURES
from components.fraud.sequence_steps import STEP
from components.fraud.training import LABELLED
from serving.fraud.schemas import Payment

if TYPE_CHECKING:
    import pandas as pd

DECISIONS = 200_000
"""The last payments of the data."""
WARM = timedelta(days=60)
"""History before them; no feature looks back further, but for the 64th payment of slow users."""
COMPARED = (
    *FEATURES,
    *lagged((feature for feature in FEATURES if feature.name in STEP), LSTM.lags),
)
"""Every input of every model: what a payment has itself, and what those before it had."""
_CHUNK = 20_000


def run(data: Path | None, say: Say) -> tuple[Row, ...]:
    """Measure; `data` is the folder of the handbook's transactions, a simulated world without."""
    with TemporaryDirectory(prefix="finloop-parity-") as name, ExitStack() as stack:
        folder = Path(name)
        settings = ingest(data, folder, say)
        address = stack.enter_context(redis_server(folder / "redis"))
        stores: dict[str, SecretStr | None] = {"replay": address, "replay-sqlite": None}
        lanes = {
            case: lane_of(settings, folder / case, address) for case, address in stores.items()
        }
        payments = last_payments(settings, DECISIONS)
        replay(lanes.values(), settings, payments, say)
        say("offline: tables of the whole history, joined by Feast")
        wanted = offline(settings, payments)
        return tuple(
            row for case, lane in lanes.items() for row in report(case, lane, wanted, payments, say)
        )


def lane_of(settings: Settings, home: Path, address: SecretStr | None) -> Lane:
    """An installation with that online store, and the same calendar."""
    return Lane(settings.model_copy(update={"home": home, "online_store": address}))


def report(
    case: str, lane: Lane, wanted: Mapping[str, Floats], payments: pd.DataFrame, say: Say
) -> Iterator[Row]:
    """How many values of a lane differ from those wanted, and of which features."""
    found = mismatches(COMPARED, wanted, lane.inputs(list(payments["transaction_id"]), wanted))
    lane.close()
    for name, rows in found.items():
        say(f"{case}: {name} differs in {len(rows)} decisions, first in that of row {rows[0]}")
    yield Row(case, "decisions", len(payments), "decisions")
    yield Row(case, "mismatches", sum(map(len, found.values())), "values")
    for name, rows in found.items():
        yield Row(case, f"mismatches_{name}", len(rows), "values")


def ingest(data: Path | None, folder: Path, say: Say) -> Settings:
    """A lake with the payments to decide on and `WARM` before them."""
    from components.common.ingest import ingest as take_in

    timezone = "Asia/Seoul" if data is None else "UTC"
    settings = Settings(home=folder / "lake-of-all", timezone=timezone)
    say("ingest")
    if data is None:
        from demo.world import WorldConfig, simulate, write

        source, mapping = folder / "world", "finloop"
        write(simulate(WorldConfig(users=4_000, merchants=800, days=120)).tables, source)
    else:
        source, mapping = _newest(data, folder / "newest"), "fraud-handbook"
    take_in(source, mapping, settings, datetime.now(UTC))
    return settings


def _newest(data: Path, out: Path) -> Path:
    """The handbook's payments that are decided on, and those of the time before."""
    import duckdb

    out.mkdir()
    with duckdb.connect() as connection:
        files = lake.quote(data / "transactions.parquet")
        connection.execute(
            f"""
            COPY (WITH newest AS (SELECT TX_DATETIME FROM {files} ORDER BY TX_DATETIME DESC
                                  LIMIT {DECISIONS})
                  SELECT * FROM {files} WHERE TX_DATETIME >=
                      (SELECT min(TX_DATETIME) FROM newest) - INTERVAL {WARM.days} DAY)
            TO {lake.quote(out / "transactions.parquet")}"""
        )
    return out


def last_payments(settings: Settings, count: int) -> pd.DataFrame:
    """The last payments of a lake in their total order, pseudonyms as they are kept.

    At least `count`: from the refresh on that the first of them was decided with, because whatever
    came after it reaches a history only by being decided.
    """
    payments = lake.scan(settings.lake, "transactions")
    with lake.connect() as connection:
        ((first, last),) = connection.execute(
            f"""
            SELECT min(event_timestamp), max(event_timestamp) FROM
                (FROM {payments} ORDER BY event_timestamp DESC LIMIT {count})"""
        ).fetchall()
        began = moments(first, last, ZoneInfo(settings.timezone), settings.refresh_hours)[0]
        return connection.execute(
            f"""
            SELECT * EXCLUDE (day) FROM {payments} WHERE event_timestamp >= $began
            ORDER BY event_timestamp, transaction_id""",
            {"began": began},
        ).df()


def replay(lanes: Iterable[Lane], settings: Settings, payments: pd.DataFrame, say: Say) -> None:
    """Decide on every payment in every lane, with what each refresh published before it."""
    lanes = list(lanes)
    when = payments["event_timestamp"]
    scratch = settings.home / "refreshes"
    made = refreshes(settings, when.iloc[0], when.iloc[-1], scratch)
    for refresh, following in _with_next(made):
        for lane in lanes:
            lane.publish(refresh)
        until = len(payments) if following is None else int(when.searchsorted(following.moment))
        first = int(when.searchsorted(refresh.moment))
        say(f"{refresh.moment:%Y-%m-%d %H:%M}: {until - first} payments, {until} in all")
        for chunk in range(first, until, _CHUNK):
            asked = as_asked(payments.iloc[chunk : min(chunk + _CHUNK, until)])
            for lane in lanes:
                lane.decide(asked)
        rmtree(refresh.tables)


def _with_next(made: Iterator[Refresh]) -> Iterator[tuple[Refresh, Refresh | None]]:
    before: Refresh | None = None
    for refresh in made:
        if before is not None:
            yield before, refresh
        before = refresh
    if before is not None:
        yield before, None


def as_asked(rows: pd.DataFrame) -> list[Payment]:
    """Payments as the endpoint has them once their ids are pseudonyms."""
    known = rows.astype(object).where(rows.notna(), cast("Any", None)).to_dict("records")
    moments = rows["event_timestamp"].dt.to_pydatetime()
    return [
        Payment.model_validate({**row, "event_timestamp": moment})
        for row, moment in zip(known, moments, strict=True)
    ]


class Trained(Mapping[str, Floats]):
    """Input → its values [n] as a model is trained on them; NaN for null, or for no payment."""

    def __init__(self, values: Mapping[str, Floats], previous: Numbers, rows: Numbers) -> None:
        self._values = values
        self._previous = previous
        self._rows = rows

    def __getitem__(self, name: str) -> Floats:
        """A column, gathered when it is asked for: those of all lags would fill the memory."""
        feature, lag = parse_lag(name)
        if not lag:
            return self._values[feature][self._rows]
        return at_lag(self._values[feature], self._previous, self._rows, lag)

    def __iter__(self) -> Iterator[str]:
        return (feature.name for feature in COMPARED)

    def __len__(self) -> int:
        return len(COMPARED)


def offline(settings: Settings, payments: pd.DataFrame) -> Trained:
    """The inputs of payments from the training path, in their order."""
    from feature_repo.store import apply

    build(
        settings.lake,
        settings.feature_tables,
        lake.digest(settings.lake),
        code_digest(),
        settings.timezone,
        settings.refresh_hours,
    )
    told = payments[[LABELLED.key, "event_timestamp"]].assign(
        **{LABELLED.label: False, SPLIT: TEST}
    )
    events, previous = with_past(settings.lake, LABELLED, told, LSTM.lags)
    store = apply(settings)
    bounds = [*range(0, len(events), _CHUNK), len(events)]
    parts = [
        point_in_time(store, LSTM.feature_service, events.iloc[low:high], [LABELLED.key])
        for low, high in pairwise(bounds)
    ]
    values = {
        feature.name: np.concatenate(
            [part.column(feature.name).to_pandas().to_numpy(np.float64) for part in parts]
        )
        for feature in FEATURES
    }
    return Trained(values, previous, np.flatnonzero(events[SPLIT] == TEST).astype(np.int32))
