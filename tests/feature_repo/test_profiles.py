"""Settings become Feast's profile, whatever is in a password, and no address is ever told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from feast.infra.online_stores.redis import RedisOnlineStore
from pydantic import SecretStr

from components.common.errors import FinloopError
from components.common.settings import Settings, load_settings
from feature_repo.online import online_side
from feature_repo.profiles import redis_profile, repo_config


def test_the_embedded_profile_is_the_default(tmp_path: Path) -> None:
    config = repo_config(Settings(home=tmp_path))
    online: Any = config.online_store
    assert (online.type, config.repo_path) == ("sqlite", tmp_path / "feast")


@pytest.mark.parametrize(
    ("address", "host", "wanted"),
    [
        ("redis://cache", {"host": "cache", "port": "6379"}, {"db": 0}),
        ("redis://cache:7000/3", {"host": "cache", "port": "7000"}, {"db": 3}),
        ("rediss://cache/", {"host": "cache", "port": "6379"}, {"db": 0, "ssl": True}),
        (
            "redis://app:a%2Cb%3D%22c@cache",
            {"host": "cache", "port": "6379"},
            {"db": 0, "username": "app", "password": 'a,b="c'},
        ),
        ("redis://:12345@cache", {"host": "cache", "port": "6379"}, {"password": "12345"}),
        ("redis://:true@cache", {"host": "cache", "port": "6379"}, {"password": "true"}),
    ],
)
def test_feast_reads_what_the_address_says(
    address: str, host: dict[str, str], wanted: dict[str, object]
) -> None:
    profile = redis_profile(address)
    nodes, options = RedisOnlineStore._parse_connection_string(profile["connection_string"])
    assert nodes == [host]
    assert options == options | wanted


@pytest.mark.parametrize(
    "address",
    ["localhost:6379", "http://cache", "redis://", "redis://:hidden@", "redis://x:hidden@cache/a"],
)
def test_what_is_no_address_is_refused_without_telling_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINLOOP_ONLINE_STORE", address)
    with pytest.raises(FinloopError, match="redis://host:port/0") as refused:
        load_settings()
    assert refused.value.message.startswith("FINLOOP_ONLINE_STORE cannot be used")
    assert "hidden" not in refused.value.message


def test_a_server_that_is_not_there_is_one_sentence_without_its_password() -> None:
    settings = Settings(online_store=SecretStr("redis://:hidden@127.0.0.1:1/0"))
    with pytest.raises(FinloopError, match="The online store does not answer") as refused:
        online_side(settings).mark("identity")
    assert refused.value.code == "online_store_unavailable"
    assert "hidden" not in refused.value.message + repr(settings)
