"""The embedded store is made once and silently; what goes wrong is one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.common.errors import Exit, FinloopError
from components.common.mlflow_store import absent, translated, uses_account
from components.common.processes import free_port
from components.common.registry import Registry
from components.common.settings import Settings


def test_a_server_that_is_down_is_one_sentence(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port(18500)}"
    registry = Registry(Settings(home=tmp_path, mlflow_uri=address))
    with pytest.raises(FinloopError) as error:
        registry.versions("fraud-xgboost")
    assert error.value.code == "mlflow_unavailable"
    assert error.value.exit_status is Exit.UNAVAILABLE
    assert address in error.value.message
    assert "\n" not in error.value.message


def test_two_processes_may_make_the_store_at_once_and_say_nothing(tmp_path: Path) -> None:
    script = (
        "from components.common.settings import load_settings\n"
        "from components.common.registry import Registry\n"
        "print(len(Registry(load_settings()).client.search_registered_models()))"
    )
    environment = {**os.environ, "FINLOOP_HOME": str(tmp_path / "home")}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in both]
    assert outputs == [(b"0\n", b"")] * 2
    assert [path.name for path in (tmp_path / "home" / "mlflow").iterdir()] == ["mlflow.db"]


def test_reading_makes_no_store(tmp_path: Path) -> None:
    registry = Registry(Settings(home=tmp_path / "home"))
    assert registry.versions("fraud-xgboost") == ()
    assert registry.aliases("fraud-xgboost") == {}
    assert not (tmp_path / "home").exists()


def test_what_mlflow_says_keeps_its_meaning(tmp_path: Path) -> None:
    from mlflow.exceptions import RestException
    from requests.exceptions import ConnectionError as NotConnected

    settings = Settings(home=tmp_path, mlflow_uri="http://mlflow.example.com")
    said = {
        "mlflow_forbidden": RestException({"error_code": "PERMISSION_DENIED", "message": "No."}),
        "mlflow_unavailable": NotConnected("line one\nline two " + "x" * 1000),
    }
    for code, error in said.items():
        with pytest.raises(FinloopError) as told, translated(settings):
            raise error
        assert told.value.code == code
        assert "\n" not in told.value.message
        assert len(told.value.message) < 400
    assert absent(RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": ""}))


def test_mistakes_of_our_own_are_not_blamed_on_mlflow(tmp_path: Path) -> None:
    with pytest.raises(KeyError), translated(Settings(home=tmp_path)):
        raise KeyError("a mistake")


def test_an_account_is_seen_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Settings(home=tmp_path, mlflow_uri="http://mlflow.example.com")
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)
    assert not uses_account(server)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "training")
    assert uses_account(server)
    assert not uses_account(Settings(home=tmp_path))
