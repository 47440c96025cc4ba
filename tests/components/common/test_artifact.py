"""An artifact is read whole or not at all, and nulls of every kind are one null."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.artifact import INPUTS, Scorer, matrix, vector, write_inputs
from components.common.errors import FinloopError


def _write_graph(directory: Path, width: int) -> None:
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=0)],
        "sums",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n"])],
        initializer=[helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    (directory / "model.onnx").write_bytes(model.SerializeToString())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _write_graph(tmp_path, 3)
    write_inputs(tmp_path, ("a", "b", "c"))
    return tmp_path


def test_it_scores_rows_in_the_order_of_its_inputs(folder: Path) -> None:
    scorer = Scorer.load(folder)
    scorer.warm()
    assert scorer.inputs == ("a", "b", "c")
    found = scorer.score(scorer.vector({"c": 3, "a": 1.0, "b": True, "more": 9}))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [5.0])


def test_every_kind_of_nothing_is_nan() -> None:
    row = vector({"a": None, "b": float("inf"), "c": np.nan, "e": 0}, ("a", "b", "c", "d", "e"))
    assert row.dtype == np.float32
    np.testing.assert_array_equal(row, [[np.nan, np.nan, np.nan, np.nan, 0]])


def test_a_row_and_a_frame_give_the_same_numbers() -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "real": [0.1, np.inf, np.nan],
            "mixed": pd.Series([1, None, 2.5], dtype=object),
        }
    )
    inputs = ("mixed", "real", "whole", "flag")
    columns = {name: [None if pd.isna(v) else v for v in frame[name]] for name in frame}
    rows = [{name: columns[name][i] for name in inputs} for i in range(len(frame))]
    single = np.concatenate([vector(row, inputs) for row in rows])
    np.testing.assert_array_equal(matrix(frame, inputs), single)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(FinloopError, match="b, c") as refusal:
        matrix(pd.DataFrame({"a": [1.0]}), ("a", "b", "c"))
    assert refusal.value.code == "missing_inputs"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.onnx", b""),
        ("model.onnx", b"not a graph"),
        ("inputs.json", b"{"),
        ("inputs.json", b'{"a": 1}'),
        ("inputs.json", b"[1, 2, 3]"),
        ("inputs.json", b'["a", "b"]'),
    ],
)
def test_a_damaged_artifact_is_refused(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(FinloopError, match="cannot be loaded") as refusal:
        Scorer.load(folder)
    assert refusal.value.code == "artifact_unreadable"


@pytest.mark.parametrize("name", ["model.onnx", "inputs.json"])
def test_an_artifact_with_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FinloopError, match="cannot be loaded"):
        Scorer.load(folder)


def test_names_are_written_as_one_json_array(folder: Path) -> None:
    assert json.loads((folder / INPUTS).read_text()) == ["a", "b", "c"]


def test_serving_imports_it_without_the_training_libraries() -> None:
    heavy = {"xgboost", "sklearn", "pandas", "onnx", "scipy", "mlflow"}
    code = f"import sys, components.common.artifact; print({heavy} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert found.strip() == "set()"
