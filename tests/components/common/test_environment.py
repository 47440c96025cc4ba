"""Steps start with the settings of the caller, whatever the environment was."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from components.common.environment import as_environment, environment
from components.common.settings import Settings, load_settings


def test_settings_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINLOOP_TIMEZONE", "America/New_York")
    monkeypatch.setenv("FINLOOP_KFP_HOST", "http://of.the.environment")
    given = Settings(
        home=tmp_path / "a home",
        timezone="Europe/Lisbon",
        pseudonym_key=SecretStr("key"),
        api_keys={"teller": "ab" * 32},
        serving_port=3999,
        kfp_host=None,
    )
    before = dict(os.environ)
    with environment(given):
        assert load_settings() == given
        assert os.environ["FEAST_USAGE"] == "False"
    assert dict(os.environ) == before


def test_only_what_has_a_value_is_set(tmp_path: Path) -> None:
    told = as_environment(Settings(home=tmp_path, api_keys={"teller": "cd" * 32}))
    assert told["FINLOOP_HOME"] == str(tmp_path)
    assert json.loads(told["FINLOOP_API_KEYS"]) == {"teller": "cd" * 32}
    assert "FINLOOP_KFP_TOKEN" not in told


def test_it_is_restored_after_a_failure(tmp_path: Path) -> None:
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), environment(Settings(home=tmp_path)):
        raise ZeroDivisionError
    assert dict(os.environ) == before
