"""An artifact becomes an MLflow model and stays what it was."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from components.common.errors import FinloopError
from components.common.mlflow_package import package
from components.common.registry import ModelVersion, Registry
from components.common.sealing import seal

FROM_MLFLOW = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"}


def test_every_byte_stays_and_only_mlflows_own_files_are_added(
    artifact: Path, tmp_path: Path
) -> None:
    before = seal(artifact).files
    package(artifact, tmp_path / "packed", run_id="r", model_id="m")
    after = seal(tmp_path / "packed").files
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == FROM_MLFLOW
    assert seal(artifact).files == before


def test_a_graph_that_mlflow_would_write_otherwise_keeps_its_bytes(
    artifact: Path, tmp_path: Path
) -> None:
    import onnx

    graph = artifact / "model.onnx"
    whole = graph.read_bytes()
    # Protobuf lets a later value replace an earlier one: valid, and never written by a serialiser.
    graph.write_bytes(whole + onnx.ModelProto(producer_name="test").SerializeToString())
    assert onnx.load(graph).SerializeToString() != graph.read_bytes()
    package(artifact, tmp_path / "packed", run_id="r", model_id="m")
    assert (tmp_path / "packed" / "model.onnx").read_bytes() == graph.read_bytes()


def test_a_model_of_another_kind_brings_its_own_description(artifact: Path, tmp_path: Path) -> None:
    (artifact / "model.onnx").unlink()
    (artifact / "MLmodel").write_text("flavors: {lightgbm: {data: model.txt}}")
    package(artifact, tmp_path / "packed", run_id="r", model_id="m")
    assert seal(tmp_path / "packed") == seal(artifact)


def test_without_a_sample_there_is_no_signature(artifact: Path, tmp_path: Path) -> None:
    (artifact / "sample.parquet").unlink()
    package(artifact, tmp_path / "packed", run_id="r", model_id="m")
    assert "signature" not in yaml.safe_load((tmp_path / "packed" / "MLmodel").read_text())


def test_a_folder_without_a_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match=r"has neither model\.onnx nor MLmodel"):
        package(tmp_path, tmp_path / "packed", run_id="r", model_id="m")


def test_mlflow_loads_a_version_and_scores_as_the_sample_says(
    registry: Registry, candidate: ModelVersion, artifact: Path, tmp_path: Path
) -> None:
    import mlflow.pyfunc

    folder = registry.download(candidate.model, candidate.version, tmp_path / "down")
    sample = pd.read_parquet(artifact / "sample.parquet")
    model = mlflow.pyfunc.load_model(str(folder))
    shuffled = model.predict(sample[["night", "amount"]])
    assert shuffled.iloc[:, 0].to_numpy() == pytest.approx(sample["score"].to_numpy(), abs=1e-6)
