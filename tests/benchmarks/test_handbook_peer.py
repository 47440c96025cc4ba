"""The peer's features are the handbook's, against the same in pandas."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from benchmarks.handbook_peer import PEER_CONFIG, PEER_INPUT, peer_sql


@pytest.fixture(scope="module")
def payments() -> pd.DataFrame:
    random = np.random.default_rng(0)
    rows = 1500
    seconds = np.sort(random.choice(60 * 86_400, rows, replace=False))
    first = pd.Timestamp("2018-04-01", tz="UTC")
    return pd.DataFrame(
        {
            "transaction_id": [f"t{i}" for i in range(rows)],
            "event_timestamp": (first + pd.to_timedelta(seconds, unit="s")).as_unit("us"),
            "user_id": random.integers(0, 12, rows).astype(str),
            "merchant_id": random.integers(0, 9, rows).astype(str),
            "amount": random.gamma(2, 20, rows).round(2),
            "is_fraud": random.random(rows) < 0.1,
        }
    )


@pytest.fixture(scope="module")
def found(payments: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder: Path = tmp_path_factory.mktemp("lake")
    payments.drop(columns="is_fraud").to_parquet(folder / "transactions.parquet")
    payments[["transaction_id", "is_fraud"]].to_parquet(folder / "outcomes.parquet")
    tables = [f"read_parquet('{folder / name}.parquet')" for name in ("transactions", "outcomes")]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(peer_sql(*tables)).df()
    return rows.set_index("transaction_id").loc[payments["transaction_id"]]


def test_there_are_fifteen(found: pd.DataFrame) -> None:
    assert len(PEER_INPUT) == 15
    assert set(PEER_INPUT) <= set(found.columns)
    assert not found[list(PEER_INPUT)].isna().to_numpy().any()


@pytest.mark.parametrize("days", [1, 7, 30])
def test_a_customer_is_counted_with_the_payment_itself(
    payments: pd.DataFrame, found: pd.DataFrame, days: int
) -> None:
    for user, mine in payments.groupby("user_id"):
        window = mine.set_index("event_timestamp")["amount"].rolling(f"{days}d")
        ours = found.loc[mine["transaction_id"]]
        np.testing.assert_array_equal(ours[f"peer_count_{days}d"], window.count(), str(user))
        np.testing.assert_allclose(ours[f"peer_mean_{days}d"], window.mean())


@pytest.mark.parametrize("days", [1, 7, 30])
def test_a_terminal_is_judged_by_what_is_a_week_old(
    payments: pd.DataFrame, found: pd.DataFrame, days: int
) -> None:
    for _, mine in payments.groupby("merchant_id"):
        fraud = mine.set_index("event_timestamp")["is_fraud"].astype(float)
        late, whole = fraud.rolling("7d"), fraud.rolling(f"{7 + days}d")
        count, frauds = whole.count() - late.count(), whole.sum() - late.sum()
        ours = found.loc[mine["transaction_id"]]
        np.testing.assert_array_equal(ours[f"peer_terminal_count_{days}d"], count)
        expected = (frauds / count.where(count > 0)).fillna(0.0)
        np.testing.assert_allclose(ours[f"peer_terminal_risk_{days}d"], expected, atol=1e-9)


def test_its_trees_are_from_the_handbook_s_grid() -> None:
    assert PEER_CONFIG.max_depth in {3, 6, 9}
    assert PEER_CONFIG.rounds in {25, 50, 100}
    assert PEER_CONFIG.learning_rate in {0.1, 0.3}
