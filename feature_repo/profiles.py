"""What Feast is told of an installation: embedded, or the server profile by settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import yaml

from components.common.settings import Settings

if TYPE_CHECKING:
    from feast import RepoConfig

_EMBEDDED = Path(__file__).with_name("feature_store.yaml")
_WAIT_SECONDS = 10
"""For a batch that is written; decisions have a connection, and a patience, of their own."""


def embedded() -> dict[str, Any]:
    """The embedded profile, as its file says."""
    return yaml.safe_load(_EMBEDDED.read_text(encoding="utf-8"))


def repo_config(settings: Settings) -> RepoConfig:
    """Feast's configuration of an installation; importing Feast costs seconds, once."""
    from feast import RepoConfig

    profile = embedded()
    if settings.online_store is not None:
        profile["online_store"] = redis_profile(settings.online_store.get_secret_value())
    config = RepoConfig(**profile)
    config.repo_path = settings.feast
    return config


def redis_profile(address: str) -> dict[str, Any]:
    """Feast's `online_store` for the address `redis://[user:password@]host[:port][/db]`.

    Feast would leave out a row whose event is not newer than the stored one: a payment that comes
    late into a history, and a daily row that is made anew. Every view has one writer, so rows are
    always written.
    """
    parts = urlsplit(address)
    options: dict[str, Any] = {
        "db": int(parts.path.strip("/") or 0),
        "socket_timeout": _WAIT_SECONDS,
        "socket_connect_timeout": _WAIT_SECONDS,
    }
    if parts.scheme == "rediss":
        options["ssl"] = True
    for name in ("username", "password"):
        if value := getattr(parts, name):
            options[name] = unquote(value)
    said = [f"{name}={_one_word(value)}" for name, value in options.items()]
    where = f"{parts.hostname}:{parts.port or 6379}"
    return {"type": "redis", "connection_string": ",".join([where, *said]), "skip_dedup": True}


def _one_word(value: Any) -> str:
    """JSON that holds no comma, at which Feast cuts."""
    return json.dumps(value).replace(",", "\\u002c")
