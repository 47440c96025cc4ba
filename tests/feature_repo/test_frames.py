"""A frame is trained on only where the service would see the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.common import lake
from components.common.domain import ModelSpec
from components.common.errors import FinloopError
from components.common.feature_tables import MadeFrom, build
from components.common.frame import FRAME, Frame, read_frame
from components.common.ingest import ingest
from components.common.settings import Settings
from components.common.training_data import CONTEXT
from components.fraud import DOMAIN, LSTM, XGBOOST
from components.fraud.features import MODEL_INPUT
from components.fraud.online import recompute
from components.fraud.sequence_steps import SEQUENCE_INPUT
from demo.world import WorldConfig, simulate, write
from feature_repo.frame_parity import require_parity
from feature_repo.frames import write_frame
from feature_repo.publish import publish

DAYS = (0, 4, 4)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, MadeFrom]:
    """A small company whose tables are made and published."""
    folder = tmp_path_factory.mktemp("frames")
    write(simulate(WorldConfig(users=60, merchants=20, days=50)).tables, folder / "world")
    settings = Settings(home=folder / "home", refresh_hours=12)
    ingest(folder / "world", "finloop", settings, datetime.now(UTC))
    digest = lake.digest(settings.lake)
    made = build(settings.lake, folder / "tables", digest, "code", settings.timezone, 12)
    publish(settings, folder / "tables")
    return settings, made


def framed(
    published: tuple[Settings, MadeFrom], into: Path, spec: ModelSpec = XGBOOST
) -> pd.DataFrame:
    settings, made = published
    write_frame(settings, spec.name, made.as_of, DAYS, made.data_digest, into)
    return pd.read_parquet(into / FRAME)


def test_the_online_engine_makes_every_row_of_a_frame_again(
    published: tuple[Settings, MadeFrom], tmp_path: Path
) -> None:
    rows = framed(published, tmp_path).sample(500, random_state=3)
    again = recompute(published[0], rows)
    assert set(again) == set(MODEL_INPUT)
    for name, column in again.items():
        wanted = pd.Series(rows[name].to_numpy(float))
        pd.testing.assert_series_equal(pd.Series(column), wanted, rtol=1e-9, atol=1e-4, obj=name)


@pytest.fixture(scope="module")
def sequences(
    published: tuple[Settings, MadeFrom], tmp_path_factory: pytest.TempPathFactory
) -> Frame:
    """The frame of the model that looks at the payments before."""
    folder = tmp_path_factory.mktemp("sequences")
    framed(published, folder, LSTM)
    return read_frame(folder)


def test_the_online_engine_makes_every_lag_of_a_frame_again(
    published: tuple[Settings, MadeFrom], sequences: Frame
) -> None:
    rows = sequences.widened(SEQUENCE_INPUT, "train", "test").sample(150, random_state=3)
    again = recompute(published[0], rows, LSTM.lags)
    assert set(again) == {*MODEL_INPUT, *SEQUENCE_INPUT}
    for name, column in again.items():
        wanted = pd.Series(rows[name].to_numpy(float))
        pd.testing.assert_series_equal(pd.Series(column), wanted, rtol=1e-9, atol=1e-4, obj=name)
    deepest = rows[f"amount_lag_{LSTM.lags}"]
    assert deepest.notna().any()
    assert deepest.isna().any(), "a short history is among them"


def test_a_frame_in_which_one_lag_is_another_payment_is_refused(
    published: tuple[Settings, MadeFrom], sequences: Frame
) -> None:
    table, previous = pa.Table.from_pandas(sequences.rows), sequences.previous
    assert previous is not None
    require_parity(published[0], DOMAIN, table, previous)
    other = previous.copy()
    other[:, 2] = previous[:, 3]
    with pytest.raises(FinloopError, match=r"amount_lag_3 in [0-9]+ rows") as error:
        require_parity(published[0], DOMAIN, table, other)
    assert error.value.code == "online_differs"
    assert "_lag_2 " not in error.value.message
    assert "_lag_4 " not in error.value.message


def test_a_step_that_was_not_known_then_is_refused(
    published: tuple[Settings, MadeFrom], sequences: Frame
) -> None:
    """What is context only is no row of the sample, but a lag of others: a leak there is found."""
    context = sequences.mask(CONTEXT)
    assert context.any()
    rows = sequences.rows.copy()
    rows.loc[context, "merchant_days_since_first_fraud"] = 1.5
    with pytest.raises(FinloopError, match="merchant_days_since_first_fraud_lag_") as error:
        require_parity(published[0], DOMAIN, pa.Table.from_pandas(rows), sequences.previous)
    assert error.value.code == "online_differs"


@pytest.mark.parametrize("name", ["hour", "amount_std_last_10"])
def test_a_frame_of_other_features_is_refused_with_its_reasons(
    published: tuple[Settings, MadeFrom], tmp_path: Path, name: str
) -> None:
    path = published[0].feature_tables / "fraud_transaction.parquet"
    before = path.read_bytes()
    table = pq.read_table(path)
    place = table.column_names.index(name)
    changed = pd.Series(table.column(name).to_numpy()) * 1.001 + 0.001
    pq.write_table(table.set_column(place, name, [changed.to_numpy()]), path)
    try:
        with pytest.raises(FinloopError, match=f"for 1 features.* {name} in [0-9]+ rows") as error:
            framed(published, tmp_path)
    finally:
        path.write_bytes(before)
    assert error.value.code == "online_differs"
    assert not (tmp_path / FRAME).exists()


def test_a_daily_row_older_than_its_ttl_is_null_in_both(
    published: tuple[Settings, MadeFrom], tmp_path: Path
) -> None:
    """Rows of a merchant that stopped being written are no longer used after a week."""
    settings, _ = published
    path = settings.feature_tables / "fraud_merchant_daily.parquet"
    before = path.read_bytes()
    table = pd.read_parquet(path)
    newest = table["event_timestamp"].max() - pd.Timedelta(days=20)
    table[table["event_timestamp"] < newest].to_parquet(path, coerce_timestamps="us")
    try:
        rows = framed(published, tmp_path)
    finally:
        path.write_bytes(before)
    late = rows["event_timestamp"] > newest + pd.Timedelta(days=7)
    assert late.any()
    known = rows["merchant_count_30d"].notna()
    assert not known[late].any()
    assert known[~late].any()
