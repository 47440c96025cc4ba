"""What is read quickly is what Feast's own message says."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from feast.protos.feast.types.Value_pb2 import Value

from serving.common.online_values import read_value, value_writer


def held(**values: Any) -> bytes:
    return Value(**values).SerializeToString()


@pytest.mark.parametrize("count", [*range(20), 63, 64, 110, 2046, 2047, 2048, 2049])
def test_a_list_of_numbers_of_any_length(count: int) -> None:
    numbers = np.random.default_rng(count).normal(size=count).tolist()
    assert read_value(held(double_list_val={"val": numbers})) == numbers


@pytest.mark.parametrize("count", range(1, 14))
def test_a_list_of_numbers_may_be_spelled_one_by_one(count: int) -> None:
    numbers = np.random.default_rng(count).normal(size=count).tolist()
    inner = b"".join(b"\x09" + struct.pack("<d", number) for number in numbers)
    kept = bytes([0x7A, len(inner)]) + inner
    assert list(Value.FromString(kept).double_list_val.val) == numbers
    assert read_value(kept) == numbers


def test_what_is_no_number_stays_what_it_is() -> None:
    found = read_value(held(double_list_val={"val": [1.0, float("nan"), float("-inf")]}))
    assert (found[0], found[2]) == (1.0, float("-inf"))
    assert found[1] != found[1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("double_val", 3.25),
        ("int64_val", 7),
        ("string_val", "z" * 12),
        ("int64_list_val", [1, 2**40]),
        ("string_list_val", ["a", ""]),
        ("double_list_val", [0.1, 0.2]),
    ],
)
def test_what_is_written_is_read(field: str, value: Any) -> None:
    assert read_value(value_writer(field)(value)) == value
