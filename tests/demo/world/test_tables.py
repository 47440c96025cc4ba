"""Every table keeps its contract, and nothing in it gives fraud away for free."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from components.common.contracts import FEEDBACK, TABLES, Table
from demo.world import World
from demo.world.tables import ARROW

MADE = {name: table for name, table in TABLES.items() if table is not FEEDBACK}
EVERY_TABLE = pytest.mark.parametrize("table", MADE.values(), ids=MADE)


@EVERY_TABLE
def test_columns_are_those_of_the_contract(drifted: World, table: Table) -> None:
    schema = drifted.tables[table.name].schema
    assert schema.names == [column.name for column in table.columns]
    assert schema.types == [ARROW[column.type] for column in table.columns]


@EVERY_TABLE
def test_values_are_in_range_and_required_ones_are_there(drifted: World, table: Table) -> None:
    rows = drifted.tables[table.name]
    assert len(rows) > 0
    for column in table.columns:
        values = rows[column.name].drop_null()
        assert len(values) > len(rows) / 2, f"{column.name} is hardly filled"
        if column.required:
            assert len(values) == len(rows), column.name
        if column.type == "float64":
            assert np.isfinite(values.to_numpy()).all(), column.name
        if column.minimum is not None:
            assert values.to_numpy().min() >= column.minimum, column.name
        if column.maximum is not None:
            assert values.to_numpy().max() <= column.maximum, column.name


@EVERY_TABLE
def test_keys_are_unique_and_references_exist(drifted: World, table: Table) -> None:
    rows = drifted.tables[table.name].to_pandas()
    assert not rows.duplicated(list(table.key)).any()
    for column, other in table.references:
        there = drifted.tables[other][column].to_pandas()
        assert rows[column].isin(there).all(), column


@pytest.mark.parametrize("table", [t for t in MADE.values() if t.time], ids=lambda t: t.name)
def test_rows_are_in_order_of_time(drifted: World, table: Table) -> None:
    assert table.time is not None
    assert drifted.tables[table.name][table.time].to_pandas().is_monotonic_increasing


def test_transaction_ids_count_up_with_time(payments: pd.DataFrame) -> None:
    ordered = payments.sort_values("transaction_id")
    assert ordered["event_timestamp"].is_monotonic_increasing


def test_people_pay_only_after_they_joined(drifted: World, payments: pd.DataFrame) -> None:
    users = drifted.tables["users"].to_pandas()
    joined = users.groupby("user_id")["event_timestamp"].min()
    assert (payments["event_timestamp"] >= payments["user_id"].map(joined)).all()
    assert users["user_id"].nunique() == drifted.config.users


def test_places_are_those_of_the_merchant_and_missing_online(payments: pd.DataFrame) -> None:
    placed = payments["latitude"].notna()
    assert (payments.loc[placed, "latitude"] == payments.loc[placed, "shop_latitude"]).all()
    assert (payments.loc[placed, "longitude"] == payments.loc[placed, "shop_longitude"]).all()
    assert not placed[payments["channel"] == "online"].any()
    assert payments["shop_latitude"][payments["channel"] == "online"].isna().mean() > 0.95
    assert placed[payments["channel"] == "card"].mean() > 0.95


def test_fraud_has_no_merchant_and_no_category_of_its_own(payments: pd.DataFrame) -> None:
    fraud = payments["kind"] != "genuine"
    for column, most in (("merchant_id", 0.6), ("category", 0.15), ("channel", 0.05)):
        assert fraud.groupby(payments[column]).mean().max() < most, column


def test_the_form_of_ids_and_amounts_tells_nothing(payments: pd.DataFrame) -> None:
    assert payments["device_id"].dropna().str.fullmatch("d[0-9a-f]{16}").all()
    assert payments["transaction_id"].str.fullmatch(r"t\d{9}").all()
    assert (payments["amount"] % 10 == 0).all()
    fraud = payments["kind"] != "genuine"
    heads = payments["device_id"].str[1].dropna()
    assert heads[fraud].nunique() == heads[~fraud].nunique() == 16


def test_no_raw_column_ranks_fraud_well(payments: pd.DataFrame) -> None:
    fraud = (payments["kind"] != "genuine").to_numpy()
    for score in (
        payments["amount"],
        -payments["amount"],
        payments["latitude"].isna(),
        payments["device_id"].isna(),
        -payments["local"].dt.hour,
    ):
        assert average_precision_score(fraud, score) < 0.1
