"""A sample of the parity benchmark: what the service knew is what training will see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from benchmarks import parity
from benchmarks.parity_replay import Lane, moments
from components.common.ingest import ingest
from components.common.settings import Settings
from components.fraud import LSTM
from components.fraud.features import MODEL_INPUT
from components.fraud.sequence_steps import SEQUENCE_INPUT
from demo.world import WorldConfig, simulate, write
from tests.redis_server import RedisServer

COUNT = 300
SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake of a small company whose tables are refreshed at midnight and twice a day."""
    folder = tmp_path_factory.mktemp("parity")
    write(simulate(WorldConfig(users=50, merchants=20, days=50)).tables, folder / "world")
    settings = Settings(home=folder / "home", refresh_hours=12)
    ingest(folder / "world", "finloop", settings, datetime.now(UTC))
    return settings


@pytest.fixture(scope="module")
def payments(company: Settings) -> pd.DataFrame:
    return parity.last_payments(company, COUNT)


@pytest.fixture(scope="module")
def lanes(
    company: Settings,
    payments: pd.DataFrame,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Lane]]:
    """Both stores, after every payment was decided."""
    redis_server.client().flushall()
    folder = tmp_path_factory.mktemp("lanes")
    addresses: dict[str, SecretStr | None] = {"redis": redis_server.address(3), "sqlite": None}
    made = {name: parity.lane_of(company, folder / name, at) for name, at in addresses.items()}
    parity.replay(made.values(), company, payments, lambda line: None)
    yield made
    for lane in made.values():
        lane.close()


@pytest.fixture(scope="module")
def wanted(company: Settings, payments: pd.DataFrame) -> parity.Trained:
    return parity.offline(company, payments)


@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_no_feature_of_any_decision_differs(
    store: str,
    lanes: dict[str, Lane],
    wanted: parity.Trained,
    payments: pd.DataFrame,
) -> None:
    found = lanes[store].inputs(list(payments["transaction_id"]), wanted)
    assert set(found) == set(wanted) == {*MODEL_INPUT, *SEQUENCE_INPUT}, "what every model reads"
    assert not any(np.isinf(column).any() for column in found.values()), "all were decided"
    assert parity.mismatches(parity.COMPARED, wanted, found) == {}


def test_the_sample_says_something(wanted: parity.Trained, payments: pd.DataFrame) -> None:
    """Histories, refreshes within the day and known frauds are in it."""
    assert len(payments) >= COUNT
    for name in ("history_count", "merchant_known_30d", "user_count_30d", "amount_std_last_5"):
        assert np.unique(wanted[name][~np.isnan(wanted[name])]).size > 10, name
    when = payments["event_timestamp"]
    ticks = moments(when.iloc[0], when.iloc[-1], SEOUL, 12)
    assert len(ticks) >= 6
    alone = [name for name, column in wanted.items() if np.isnan(column).all()]
    assert alone == []


def test_a_value_that_differs_is_counted_and_named(
    lanes: dict[str, Lane], wanted: parity.Trained, payments: pd.DataFrame
) -> None:
    other = {name: column.copy() for name, column in wanted.items()}
    other["amount"][3] += 0.01
    other["hour"][5] = np.nan
    deep = np.flatnonzero(~np.isnan(other["merchant_risk_7d_lag_9"]))[2]
    other["merchant_risk_7d_lag_9"][deep] += 1e-5
    found = parity.mismatches(
        parity.COMPARED, other, lanes["sqlite"].inputs(list(payments["transaction_id"]), wanted)
    )
    assert {name: rows.tolist() for name, rows in found.items()} == {
        "amount": [3],
        "hour": [5],
        "merchant_risk_7d_lag_9": [deep],
    }


def test_sequences_cross_the_first_refresh_and_end_where_a_customer_began(
    wanted: parity.Trained, payments: pd.DataFrame
) -> None:
    """Some steps were published by the data pipeline, others decided here, others never were."""
    amounts = np.stack([wanted[f"amount_lag_{lag}"] for lag in range(1, LSTM.lags + 1)], axis=1)
    before = payments.groupby("user_id").cumcount().to_numpy()
    deep = np.minimum(before, LSTM.lags)
    held = (~np.isnan(amounts)).sum(axis=1)
    assert (held >= deep).all()
    assert (held > deep).any(), "from before the first decision"
    assert (deep > 2).any(), "from decisions"
    assert (held < LSTM.lags).any(), "short histories"


def test_daily_rows_come_from_the_views_and_nowhere_else(
    lanes: dict[str, Lane], payments: pd.DataFrame
) -> None:
    """Each decision says how old its merchant's row was: at most one refresh, or it had none."""
    ages = []
    for decision in lanes["redis"]._runtime.ledger.decisions():
        facts = json.loads(decision.features)
        ages.append(facts["ages"]["fraud_merchant_daily"])
        assert facts["history"]["sequence"] is not None
    known = [age for age in ages if age is not None]
    assert len(known) > COUNT / 2
    assert min(known) < timedelta(hours=12).total_seconds()


def test_refreshes_are_ticks_of_local_days() -> None:
    first = datetime(2026, 3, 1, 20, 30, tzinfo=UTC)  # 05:30 on the second in Seoul
    found = moments(first, first + timedelta(hours=20), SEOUL, 12)
    assert [f"{moment.astimezone(SEOUL):%d %H:%M}" for moment in found] == [
        "02 00:00",
        "02 09:00",
        "02 21:00",
        "03 00:00",
    ]


def test_without_a_server_the_benchmark_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.redis_server import redis_server
    from components.common.errors import FinloopError

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FinloopError, match="apt-get install redis-server"), redis_server(tmp_path):
        pass
