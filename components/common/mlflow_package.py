"""Wrap a serving artifact as an MLflow model without changing a byte of it."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.artifact import GRAPH, read_inputs
from components.common.errors import bad_input

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

MODEL_FILE = "MLmodel"
SAMPLE = "sample.parquet"
"""Rows of inputs with the `score` that the artifact gave them."""


def package(artifact: Path, into: Path, *, run_id: str, model_id: str) -> None:
    """Copy an artifact into an empty folder and add what MLflow needs to load it.

    An artifact with a `model.onnx` becomes an ONNX model that `mlflow.onnx` and `mlflow.pyfunc`
    load; one that brings an `MLmodel` of its own is taken as it is. Raises
    `FinloopError("artifact_unreadable")` where it has neither.
    """
    if (artifact / GRAPH).is_file() and not (artifact / MODEL_FILE).exists():
        _add_onnx_flavor(artifact, into, run_id=run_id, model_id=model_id)
    elif not (artifact / MODEL_FILE).is_file():
        raise bad_input(
            "artifact_unreadable",
            f"The artifact in {artifact} has neither {GRAPH} nor {MODEL_FILE}; train it again.",
        )
    shutil.copytree(artifact, into, dirs_exist_ok=True)


def _add_onnx_flavor(artifact: Path, into: Path, *, run_id: str, model_id: str) -> None:
    """Let MLflow write its own files; its copy of the graph is then replaced by the original.

    MLflow saves the graph anew, which may give other bytes than those that were evaluated.
    """
    import onnx
    from mlflow.models import Model
    from mlflow.onnx import save_model

    save_model(
        onnx.load(artifact / GRAPH),
        str(into),
        mlflow_model=Model(run_id=run_id, model_id=model_id, signature=_signature(artifact)),
        pip_requirements=[f"{name}=={version(name)}" for name in ("onnx", "onnxruntime")],
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )


def _signature(artifact: Path) -> ModelSignature | None:
    """Inputs and score of the sample, as double precision so that wider numbers are accepted.

    Scores that are lists, of a graph that ranks, are a tensor [n, m].
    """
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature

    if not (artifact / SAMPLE).is_file():
        return None
    sample = pd.read_parquet(artifact / SAMPLE)
    inputs = sample[list(read_inputs(artifact))].astype("float64")
    score = np.stack(sample["score"].map(np.ravel).tolist()).astype("float64")
    if score.shape[1] == 1:
        return infer_signature(inputs, pd.DataFrame({"score": score[:, 0]}))
    return infer_signature(inputs, score)
