"""Packages for Kubeflow: valid, light to make, and without anything of the caller's."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from pydantic import SecretStr

from components.common.settings import Settings
from pipelines import launch
from pipelines.common.kubeflow import FROM_SECRET, write_package

pipeline_spec_pb2: Any = import_module("kfp.pipeline_spec.pipeline_spec_pb2")
HEAVY = ("tensorflow", "mlflow", "feast", "xgboost", "great_expectations", "evidently", "bentoml")
KEY_DIGEST = "5ec7e7" * 10 + "5ec7"
SETTINGS = {
    "image": "registry.example/finloop:7",
    "pseudonym_key": SecretStr("very-secret-key"),
    "kfp_token": SecretStr("very-secret-token"),
    "mlflow_uri": "https://me:very-secret-word@mlflow.example",
    "api_keys": {"teller": KEY_DIGEST},
}


@pytest.fixture(params=launch.names())
def package(request: pytest.FixtureRequest, tmp_path: Path) -> list[dict[str, Any]]:
    settings = Settings(home=tmp_path, **SETTINGS)
    pipeline = launch.find(request.param).PIPELINE
    path = write_package(pipeline, tmp_path / "out" / "package.yaml", settings)
    assert not [word for word in ("very-secret", KEY_DIGEST) if word in path.read_text()]
    return list(yaml.safe_load_all(path.read_text()))


def test_it_is_a_valid_pipeline_spec(package: list[dict[str, Any]]) -> None:
    spec = json_format.ParseDict(package[0], pipeline_spec_pb2.PipelineSpec())
    platform = json_format.ParseDict(package[1], pipeline_spec_pb2.PlatformSpec())
    assert spec.schema_version == "2.1.0"
    assert set(spec.root.dag.tasks)
    assert list(platform.platforms) == ["kubernetes"]


def test_every_step_runs_in_our_image_with_nothing_installed(package: list[dict[str, Any]]) -> None:
    executors = package[0]["deploymentSpec"]["executors"]
    for executor in executors.values():
        container = executor["container"]
        assert container["image"] == SETTINGS["image"]
        assert container["env"] == [{"name": "FINLOOP_HOME", "value": "/finloop"}]
        assert "pip install" not in " ".join(container["command"])


def test_settings_come_from_the_cluster(package: list[dict[str, Any]]) -> None:
    executors = package[0]["deploymentSpec"]["executors"]
    pods = package[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert pods.keys() == executors.keys()
    for pod in pods.values():
        assert pod["pvcMount"] == [{"constant": "finloop-home", "mountPath": "/finloop"}]
        (secret,) = pod["secretAsEnv"]
        assert secret["secretName"] == "finloop"
        assert [key["envVar"] for key in secret["keyToEnv"]] == list(FROM_SECRET)


def test_steps_are_thin(package: list[dict[str, Any]]) -> None:
    """At most ten statements: what a step does is in a module that has tests of its own."""
    import ast

    for name, executor in package[0]["deploymentSpec"]["executors"].items():
        source = executor["container"]["command"][-1]
        (function,) = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
        statements = sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 1
        assert statements <= 11, name  # its docstring is one


def test_compiling_loads_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import json, sys; sys.argv = ['finloop', 'compile', '--out', sys.argv[1], '--json']\n"
        "import finloop\n"
        "try: finloop.main()\n"
        "except SystemExit: pass\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    written, loaded = map(json.loads, done.stdout.splitlines())
    assert loaded == []
    assert [Path(path).stem for path in written] == list(launch.names())
    assert all(Path(path).stat().st_size for path in written)
