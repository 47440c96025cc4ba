"""Mappings fit the contract, and the label's cause never comes in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from components.common.contracts import TABLES
from components.common.errors import Exit, FinloopError
from components.common.mappings import FINLOOP, FRAUD_HANDBOOK, MAPPINGS, Mapping, find_mapping


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=lambda mapping: mapping.name)
def test_mapping_makes_every_required_column_and_no_unknown_one(mapping: Mapping) -> None:
    for part in mapping.tables:
        table = TABLES[part.table]
        assert set(table.required) <= set(part.columns)
        assert set(part.columns) <= {column.name for column in table.columns}


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=lambda mapping: mapping.name)
def test_references_come_before_what_refers_to_them(mapping: Mapping) -> None:
    names = [part.table for part in mapping.tables]
    assert names == [name for name in TABLES if name in names]


def test_own_layout_has_every_contract_table() -> None:
    assert [part.table for part in FINLOOP.tables] == list(TABLES)


def test_handbook_knows_an_outcome_after_seven_days_and_never_its_scenario() -> None:
    outcomes = next(part for part in FRAUD_HANDBOOK.tables if part.table == "outcomes")
    assert outcomes.columns["outcome_timestamp"].delay == timedelta(days=7)
    taken = {made.column for part in FRAUD_HANDBOOK.tables for made in part.columns.values()}
    assert "TX_FRAUD_SCENARIO" not in taken


def test_unknown_mapping_names_the_known_ones() -> None:
    with pytest.raises(FinloopError, match="choose one of: finloop, fraud-handbook") as caught:
        find_mapping("paysim")
    assert caught.value.exit_status == Exit.BAD_INPUT
