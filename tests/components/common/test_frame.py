"""A frame on disk: splits, context, and the values of the rows before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from components.common.artifact import matrix
from components.common.errors import FinloopError
from components.common.frame import Frame, read_frame, write_frame
from components.common.lags import ABSENT
from components.common.training_data import CONTEXT, SPLIT, TEST, TRAIN

ROWS = pd.DataFrame({"amount": [1.0, 2.0, 3.0, 4.0], SPLIT: [CONTEXT, TRAIN, TRAIN, TEST]})
PREVIOUS = np.array([[ABSENT, ABSENT], [0, ABSENT], [1, 0], [ABSENT, ABSENT]], dtype=np.int32)


@pytest.fixture
def frame(tmp_path: Path) -> Frame:
    write_frame(tmp_path, pa.Table.from_pandas(ROWS), PREVIOUS, {"cut_off": "2025-01-01"})
    return read_frame(tmp_path)


def test_a_frame_comes_back_as_it_was(frame: Frame) -> None:
    pd.testing.assert_frame_equal(frame.rows, ROWS)
    np.testing.assert_array_equal(frame.previous, PREVIOUS)
    assert frame.windows == {"cut_off": "2025-01-01"}


def test_a_row_carries_the_values_of_those_before_it(frame: Frame) -> None:
    wide = frame.widened(("amount", "amount_lag_1", "amount_lag_2"), TRAIN)
    assert wide["amount"].tolist() == [2.0, 3.0]
    assert wide["amount_lag_1"].tolist() == [1.0, 2.0]  # the first of them is context
    np.testing.assert_array_equal(wide["amount_lag_2"], [np.nan, 1.0])


def test_sequences_say_the_same_as_widened_rows(frame: Frame) -> None:
    names = ("amount", "amount_lag_1", "amount_lag_2")
    flat = frame.sequences(("amount",), TRAIN, TEST).flat()
    np.testing.assert_array_equal(flat, matrix(frame.widened(names, TRAIN, TEST), names))


def test_an_input_that_is_not_there_is_named(frame: Frame) -> None:
    wide = frame.widened(("amount_lag_3", "hour_lag_1"), TEST)
    with pytest.raises(FinloopError, match="amount_lag_3, hour_lag_1"):
        matrix(wide, ("amount_lag_3", "hour_lag_1"))


def test_a_frame_without_lags_has_no_past(tmp_path: Path) -> None:
    write_frame(tmp_path, pa.Table.from_pandas(ROWS), None, {})
    frame = read_frame(tmp_path)
    assert frame.previous is None
    assert frame.sequences(("amount",), TEST).index.tolist() == [[3]]
