"""The settings of a caller as the environment that its children start with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr

from components.common.settings import TELEMETRY_OFF, Settings


def as_environment(settings: Settings) -> dict[str, str]:
    """`FINLOOP_…` for every setting that has a value; what a child needs to have the same."""
    values = {f"FINLOOP_{name.upper()}": getattr(settings, name) for name in Settings.model_fields}
    return {name: _text(value) for name, value in values.items() if value is not None}


@contextmanager
def environment(settings: Settings) -> Iterator[None]:
    """Let processes that start meanwhile see exactly these settings, and stay silent."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("FINLOOP_")]:
        del os.environ[name]
    os.environ.update(TELEMETRY_OFF | as_environment(settings))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, dict) else str(value)
