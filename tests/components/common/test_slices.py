"""Slices show what an average hides."""

from __future__ import annotations

import numpy as np
import pytest

from components.common.evaluation import Scored, scored
from components.common.section import Section
from components.common.slices import banded, slice_section


@pytest.fixture
def rows() -> Scored:
    """Ranked perfectly in the first half, the wrong way round in the second."""
    label = np.tile([False, True], 40)
    score = np.where(label, 0.8, 0.2)
    score[40:] = 1 - score[40:]
    return scored(label, score)


def test_a_slice_that_fails_is_seen(rows: Scored) -> None:
    half = np.repeat(["old", "new"], 40)
    section = slice_section(rows, {"customer": half})
    areas = {row[0]: row[5] for row in section.rows}
    assert areas == {"customer: old": 1.0, "customer: new": 0.0}
    assert {row[1:4] for row in section.rows} == {(40, 20, 0.5)}


def test_rows_of_no_group_are_left_out_and_one_class_has_no_area(rows: Scored) -> None:
    groups = np.array(["yes" if label else None for label in rows.label], dtype=object)
    (only,) = slice_section(rows, {"g": groups}).rows
    assert only == ("g: yes", 40, 40, 1.0, pytest.approx(0.5), None, None)


def test_slices_survive_as_plain_data(rows: Scored) -> None:
    section = slice_section(rows, {"g": np.repeat(["a", "b"], 40)})
    assert Section.from_json(section.as_json()) == section


@pytest.mark.parametrize(
    ("value", "band"),
    [
        (-1.0, "under 0 km"),
        (0.0, "0–10 km"),
        (9.99, "0–10 km"),
        (10.0, "10 km and more"),
        (np.nan, "unknown"),
    ],
)
def test_a_value_is_in_one_band(value: float, band: str) -> None:
    assert banded([value], (0, 10), " km").tolist() == [band]
