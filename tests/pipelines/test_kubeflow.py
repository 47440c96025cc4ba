"""A run handed to a Kubeflow endpoint: a real server, which looks at every request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from google.protobuf import json_format
from pydantic import SecretStr

from components.common.errors import Exit, FinloopError
from components.common.settings import Settings
from pipelines import launch

pipeline_spec_pb2: Any = import_module("kfp.pipeline_spec.pipeline_spec_pb2")
TOKEN = "very-secret-token"


@dataclass
class Endpoint:
    """What the server was asked, and how it answers."""

    address: str = ""
    refuses: int = 0
    """Status of every answer, where it refuses."""
    asked: list[tuple[str, str, dict[str, list[str]], dict[str, Any]]] = field(default_factory=list)
    authorization: set[str | None] = field(default_factory=set)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if method == "POST" and path.endswith("/experiments"):
            return {**body, "experiment_id": "e-1"}
        if method == "POST" and path.endswith("/runs"):
            return {**body, "run_id": "r-1"}
        return {}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A Kubeflow Pipelines API of our own, on loopback."""
    known = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond("GET")

        def do_POST(self) -> None:
            self._respond("POST")

        def _respond(self, method: str) -> None:
            url = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(sent) if sent else {}
            known.asked.append((method, url.path, parse_qs(url.query), body))
            known.authorization.add(self.headers.get("Authorization"))
            answer = json.dumps(known.answer(method, url.path, body)).encode()
            self.send_response(known.refuses or 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


def settings(tmp_path: Path, host: str | None, **others: Any) -> Settings:
    return Settings(
        home=tmp_path / "home",
        kfp_host=host,
        kfp_token=SecretStr(TOKEN),
        kfp_namespace="team-risk",
        image="registry.example/finloop:7",
        **others,
    )


def test_the_run_is_what_was_asked_for(endpoint: Endpoint, tmp_path: Path) -> None:
    given = {"max_depth": "3", "author": "kim"}
    result = launch.run("fraud-xgboost", given, settings(tmp_path, endpoint.address), "kubeflow")
    assert (result.ok, result.run_id) == (True, "r-1")
    assert result.link == f"{endpoint.address}/#/runs/details/r-1"
    assert endpoint.authorization == {f"Bearer {TOKEN}"}
    (run,) = [body for method, path, _, body in endpoint.asked if (method, path) == RUNS]
    assert run["experiment_id"] == "e-1"
    assert run["display_name"].startswith("fraud-xgboost ")
    parameters = run["runtime_config"]["parameters"]
    assert json.loads(parameters["config"])["max_depth"] == 3
    assert parameters["author"] == "kim"


RUNS = ("POST", "/apis/v2beta1/runs")


def test_the_experiment_is_in_the_namespace(endpoint: Endpoint, tmp_path: Path) -> None:
    launch.run("data", {}, settings(tmp_path, endpoint.address), "kubeflow")
    (looked,) = [query for method, path, query, _ in endpoint.asked if method == "GET"]
    (made,) = [
        b for m, p, _, b in endpoint.asked if (m, p) == ("POST", "/apis/v2beta1/experiments")
    ]
    assert looked["namespace"] == ["team-risk"]
    assert (made["namespace"], made["display_name"]) == ("team-risk", "data")


def test_the_body_is_a_pipeline_spec_without_secrets(endpoint: Endpoint, tmp_path: Path) -> None:
    secret = settings(tmp_path, endpoint.address, pseudonym_key=SecretStr("very-secret-key"))
    launch.run("data", {"source": "/finloop/in"}, secret, "kubeflow")
    (run,) = [body for method, path, _, body in endpoint.asked if (method, path) == RUNS]
    sent = run["pipeline_spec"]
    spec = json_format.ParseDict(sent["pipeline_spec"], pipeline_spec_pb2.PipelineSpec())
    assert spec.pipeline_info.name == "data"
    assert {e["container"]["image"] for e in _executors(sent)} == {"registry.example/finloop:7"}
    assert sent["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert "very-secret" not in json.dumps(endpoint.asked)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_is_one_sentence(endpoint: Endpoint, tmp_path: Path, status: int) -> None:
    endpoint.refuses = status
    with pytest.raises(FinloopError, match=str(status)) as caught:
        launch.run("data", {}, settings(tmp_path, endpoint.address), "kubeflow")
    assert caught.value.exit_status is Exit.UNAVAILABLE
    assert TOKEN not in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("host", "code"), [(None, "kubeflow_host"), ("http://127.0.0.1:1", "kubeflow_unavailable")]
)
def test_no_endpoint_is_one_sentence(tmp_path: Path, host: str | None, code: str) -> None:
    with pytest.raises(FinloopError) as caught:
        launch.run("data", {}, settings(tmp_path, host), "kubeflow")
    assert (caught.value.code, caught.value.exit_status) == (code, Exit.UNAVAILABLE)


def _executors(sent: dict[str, Any]) -> list[dict[str, Any]]:
    return list(sent["pipeline_spec"]["deploymentSpec"]["executors"].values())
