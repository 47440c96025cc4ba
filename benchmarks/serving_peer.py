"""`mlflow models serve` with the boosted trees alone: what most teams start with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from components.common.processes import Supervisor, free_port
from components.fraud.boosting import load_booster

_FIRST_PORT = 5900


@contextmanager
def mlflow_serve(artifact: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Where it answers, and a file with one request: a payment whose features are there already."""
    from mlflow.xgboost import save_model

    booster = load_booster(artifact)
    columns = booster.feature_names or [f"f{n}" for n in range(booster.num_features())]
    row = pd.DataFrame(np.ones((1, len(columns))), columns=pd.Index(columns))
    save_model(booster, str(folder / "model"))
    body = folder / "peer.jsonl"
    body.write_text(json.dumps({"dataframe_split": row.to_dict("split")}) + "\n")
    port = free_port(_FIRST_PORT)
    where = ["--host", "127.0.0.1", "--port", str(port), "--env-manager", "local"]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder / "model")]
    with Supervisor() as supervisor:
        supervisor.start(
            "mlflow-serve",
            [*command, *where],
            log=folder / "mlflow-serve.log",
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},  # finds uvicorn
            ready=f"http://127.0.0.1:{port}/ping",
        )
        yield f"http://127.0.0.1:{port}/invocations", body
