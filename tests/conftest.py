"""Tests report to nobody either."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from components.common.settings import TELEMETRY_OFF
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

os.environ.update(TELEMETRY_OFF)


STORES = ("sqlite", "redis")
"""Every kind of online store: what holds for one holds for the other."""


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server that the tests of this process share; each takes it empty."""
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of this process."""
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.remove()
