"""A feature store over random feature tables with gaps, made in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components import domains
from components.common.features import FeatureTable
from components.common.settings import Settings
from components.fraud.features import TABLES
from components.fraud.history import REMEMBERED, History
from feature_repo import store as feature_store
from tests.conftest import STORES

if TYPE_CHECKING:
    from feast import FeatureStore

START = datetime(2025, 3, 1, tzinfo=UTC)
MOMENT = "datetime64[us, UTC]"
DAYS, EVENTS, USERS, MERCHANTS = 60, 400, 12, 8


@dataclass(frozen=True)
class Company:
    """Settings, the open store, and the events to look features up for."""

    settings: Settings
    store: FeatureStore
    events: pd.DataFrame


@pytest.fixture(scope="session", params=STORES)
def company(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Company:
    """An applied and filled feature store, of either kind."""
    server = request.getfixturevalue("redis_server") if request.param == "redis" else None
    address = server.address(database=1) if server is not None else None
    settings = Settings(home=tmp_path_factory.mktemp("home"), online_store=address)
    events = write_tables(settings.feature_tables)
    store = feature_store.apply(settings)
    feature_store.materialize(settings, START + timedelta(days=DAYS), store)
    return Company(settings, store, events)


def write_tables(folder: Path, seed: int = 5) -> pd.DataFrame:
    """Random tables for every view; the events that the transaction table is about.

    Midnights are missing at random and for two weeks on end, and some events lie at midnight sharp.
    """
    draw = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    moments = START + pd.to_timedelta(draw.integers(0, DAYS * 86_400_000_000, EVENTS), "us")
    moments = moments.where(draw.random(EVENTS) > 0.1, moments.floor("D")).astype(MOMENT)
    events = pd.DataFrame(
        {
            "transaction_id": [f"t{n}" for n in range(EVENTS)],
            "user_id": [f"u{n}" for n in draw.integers(0, USERS, EVENTS)],
            "merchant_id": [f"m{n}" for n in draw.integers(0, MERCHANTS, EVENTS)],
            "event_timestamp": moments,
        }
    )
    transactions, users, merchants = TABLES
    _write(folder, transactions, events["transaction_id"], moments, draw)
    for table, prefix, count in ((users, "u", USERS), (merchants, "m", MERCHANTS)):
        names, midnights = _midnights(prefix, count, draw)
        _write(folder, table, names, midnights, draw)
    _history(folder, events)
    _without_rows(folder)
    return events


def _without_rows(folder: Path) -> None:
    """The tables of every other domain, as a company has them that knows nothing of it."""
    for domain in domains():
        if domain.name != "fraud":
            features = import_module(f"components.{domain.name}.features")
            features.build_feature_tables(folder / "no lake", folder, "Asia/Seoul")


def _midnights(prefix: str, count: int, draw: np.random.Generator) -> tuple[list[str], list]:
    rows = [
        (f"{prefix}{n}", START + timedelta(days=day))
        for n in range(count)
        for day in range(DAYS)
        if draw.random() < 0.4 and not 20 <= day < 34
    ]
    return [name for name, _ in rows], [moment for _, moment in rows]


def _write(
    folder: Path, table: FeatureTable, names: Any, moments: Any, draw: np.random.Generator
) -> None:
    when = pd.Series(moments).astype(MOMENT)
    frame = pd.DataFrame({table.entity: names, "event_timestamp": when, "created": when})
    values = draw.normal(size=(len(frame), len(table.names)))
    values[draw.random(values.shape) < 0.1] = np.nan
    features = pd.DataFrame(values, columns=list(table.names))
    pd.concat([frame, features], axis=1).to_parquet(folder / f"{table.name}.parquet")


def _history(folder: Path, events: pd.DataFrame) -> None:
    newest = events.sort_values("event_timestamp").groupby("user_id").tail(1)
    rows = [
        {
            "user_id": user,
            "event_timestamp": at,
            "created": at,
            **_one_payment(name).to_columns(),
            REMEMBERED: 1,
        }
        for user, name, at in zip(
            newest["user_id"],
            newest["transaction_id"],
            newest["event_timestamp"].dt.to_pydatetime(),
            strict=True,
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "fraud_user_history.parquet")


def _one_payment(name: str) -> History:
    """A payment whose device and latitude are unknown."""
    return History((1,), (name,), (2.5,), ("m1",), (None,), (None,), (3.0,))
