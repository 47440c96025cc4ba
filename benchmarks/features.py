"""All fraud features of a history, from the lake to finished tables, against pandas.

Told: how many times as fast as pandas, peak memory, and seconds for 1, 2 and 4 times the rows.
The peer reads the lake, makes the same features with `groupby(…).rolling(…)` on a sample of users
and merchants, in memory, writes them, and is scaled to all rows (but for the reading); its values
are compared with ours before any number is told.
"""
# ruff: noqa: S608 - SQL is put together from names of our own; values are quoted

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.features_build import build_apart
from benchmarks.report import Row, Say
from components.common.errors import bad_input, refused

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from benchmarks.features_peer import Entity
    from components.common.settings import Settings

RUNS = 3
"""Builds and peers, by turns; the medians are told, because machines are shared."""
SAMPLE = 20
"""The peer sees one user, and one merchant, in so many."""
GROWTH = (1, 2, 4)
"""Copies of a quarter of the history, under other names."""
ALIKE = 0.99
"""Share of values that must be ours; K and ties, which pandas cannot express, make the rest."""


@dataclass(frozen=True)
class Sample:
    """Payments and known outcomes of some users or merchants, and how many rows they stand for."""

    payments: pd.DataFrame
    outcomes: pd.DataFrame
    scale: float


def run(data: Path | None, say: Say) -> tuple[Row, ...]:
    """Measure; `data` is the folder of the handbook's transactions, a simulated world without."""
    with TemporaryDirectory(prefix="finloop-features-") as name:
        folder = Path(name)
        settings, case = _ingest(data, folder, say), "world" if data is None else "handbook"
        ours, peers = [], []
        for run_number in range(1, RUNS + 1):
            ours.append(build_apart(settings.lake, settings.feature_tables, settings.timezone))
            peers.append(peer_seconds(settings, say))
            say(f"run {run_number}: ours {ours[-1].seconds:.1f} s, pandas {peers[-1]:.0f} s scaled")
        seconds, peer = median(one.seconds for one in ours), median(peers)
        rows = [
            Row(case, "speedup_vs_pandas", peer / seconds, "times"),
            Row(case, "seconds", seconds, "s", peer),
            Row(case, "cpu_seconds", median(one.cpu_seconds for one in ours), "s"),
            Row(case, "peak_memory_gb", max(one.peak_memory_gb for one in ours), "GB"),
        ]
        return (*rows, *_growth(settings, folder, say))


def _ingest(data: Path | None, folder: Path, say: Say) -> Settings:
    from components.common.ingest import ingest
    from components.common.settings import Settings

    mapping = "finloop" if data is None else "fraud-handbook"
    settings = Settings(home=folder, timezone="Asia/Seoul" if data is None else "UTC")
    if data is None:
        from demo.world import WorldConfig, simulate, write

        say("simulate a world")
        data = folder / "world"
        write(simulate(WorldConfig(users=4_000, merchants=800, days=120)).tables, data)
    say("ingest")
    ingest(data, mapping, settings, datetime.now(UTC))
    return settings


def peer_seconds(settings: Settings, say: Say) -> float:
    """Seconds that pandas would take for every row, and a check that it makes what we make."""
    from benchmarks.features_peer import MERCHANT, USER, daily_features, transaction_features

    def daily(sample: Sample, who: Entity) -> pd.DataFrame:
        return daily_features(sample.payments, sample.outcomes, who, zone)

    zone, total = ZoneInfo(settings.timezone), _reading_seconds(settings)
    with open_lake(settings) as connection:
        users, merchants = (_sample(connection, who.column) for who in (USER, MERCHANT))
        jobs = (
            ("fraud_transaction", users, lambda: transaction_features(users.payments, zone)),
            ("fraud_user_daily", users, lambda: daily(users, USER)),
            ("fraud_merchant_daily", merchants, lambda: daily(merchants, MERCHANT)),
        )
        for table, sample, job in jobs:
            began = perf_counter()
            frame = job()
            frame.to_parquet(settings.home / "peer.parquet")
            seconds = (perf_counter() - began) * sample.scale
            say(f"{table}: pandas {seconds:.0f} s scaled")
            compare(connection, settings.feature_tables / f"{table}.parquet", frame)
            total += seconds
    return total


def _reading_seconds(settings: Settings) -> float:
    """Seconds that pandas takes to read the lake."""
    import pandas as pd

    began = perf_counter()
    for table in ("transactions", "outcomes"):
        for file in sorted((settings.lake / table).glob("**/*.parquet")):
            pd.read_parquet(file)
    return perf_counter() - began


def open_lake(settings: Settings) -> duckdb.DuckDBPyConnection:
    from components.common import lake

    connection = lake.connect(settings.home / "spill")
    for table in ("transactions", "outcomes"):
        connection.execute(f"CREATE VIEW {table} AS FROM {lake.scan(settings.lake, table)}")
    return connection


def _sample(connection: duckdb.DuckDBPyConnection, entity: str) -> Sample:
    """The payments of one entity in SAMPLE, and what was known of them at the end."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE sampled AS SELECT * FROM transactions WHERE {entity} IN (
            SELECT {entity} FROM (SELECT DISTINCT {entity} FROM transactions)
            QUALIFY row_number() OVER (ORDER BY {entity}) % {SAMPLE} = 0)"""
    )
    payments = connection.execute("SELECT * EXCLUDE (day) FROM sampled").df()
    outcomes = connection.execute(
        """
        SELECT user_id, merchant_id, is_fraud, outcome_timestamp
        FROM outcomes JOIN sampled USING (transaction_id)
        WHERE outcome_timestamp < (SELECT max(event_timestamp) FROM transactions)
        ORDER BY outcome_timestamp, event_timestamp, transaction_id"""
    ).df()
    if payments.empty:
        raise bad_input("no_data", f"There are fewer than {SAMPLE} of {entity}; give more data.")
    rows = connection.execute("SELECT count(*) FROM transactions").fetchall()[0][0]
    return Sample(payments, outcomes, rows / len(payments))


def compare(connection: duckdb.DuckDBPyConnection, ours: Path, peer: pd.DataFrame) -> None:
    """Refuse to tell a number where the two do not make the same features."""
    from components.common.lake import quote

    keys = [name for name in peer.columns if name.endswith("_id") or name == "event_timestamp"]
    made = connection.execute(
        f"SELECT * FROM {quote(ours)} SEMI JOIN peer USING ({', '.join(keys)})"
    ).df()
    both = made.merge(peer, on=keys, suffixes=("", "_peer"))
    for name in peer.columns.difference(keys):
        one, other = (both[column].to_numpy(float) for column in (name, f"{name}_peer"))
        alike = np.isclose(one, other, rtol=1e-6, atol=1e-6, equal_nan=True).mean()
        if alike < ALIKE:
            raise refused(
                "not_the_same_features",
                f"pandas makes another {name} in {1 - alike:.2%} of {len(both)} rows; "
                "repair benchmarks/features_peer.py before comparing.",
            )


def _growth(settings: Settings, folder: Path, say: Say) -> list[Row]:
    """Seconds for a quarter of the history, for twice and for four times as much."""
    rows: list[Row] = []
    for copies in GROWTH:
        lake = folder / f"x{copies}"
        with open_lake(settings) as connection:
            copy(connection, lake, copies)
        built = build_apart(lake, folder / f"features-x{copies}", settings.timezone)
        say(f"x{copies}: {built.seconds:.1f} s, {built.peak_memory_gb:.2f} GB")
        rows += [
            Row(f"x{copies}", "seconds", built.seconds, "s"),
            Row(f"x{copies}", "cpu_seconds", built.cpu_seconds, "s"),
        ]
    return rows


def copy(connection: duckdb.DuckDBPyConnection, lake: Path, copies: int) -> None:
    """Write a quarter of the users so many times; four merchants become one, as busy as before."""
    from components.common.lake import quote

    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE quarter AS
        SELECT * EXCLUDE (day, user_no) REPLACE (((dense_rank() OVER (ORDER BY merchant_id)) // 4)
            ::VARCHAR AS merchant_id)
        FROM (SELECT *, dense_rank() OVER (ORDER BY user_id) AS user_no FROM transactions)
        WHERE user_no % 4 = 0"""
    )
    names = {
        "transactions": "SELECT * REPLACE (transaction_id || $c AS transaction_id, "
        "user_id || $c AS user_id, merchant_id || $c AS merchant_id, device_id || $c AS device_id) "
        "FROM quarter",
        "outcomes": "SELECT * EXCLUDE (day) REPLACE (transaction_id || $c AS transaction_id) "
        "FROM outcomes SEMI JOIN quarter USING (transaction_id)",
    }
    for table, query in names.items():
        (lake / table).mkdir(parents=True)
        for copy in range(copies):
            file = quote(lake / table / f"copy-{copy}.parquet")
            connection.execute(f"COPY ({query.replace('$c', quote(f'-{copy}'))}) TO {file}")
