"""A Redis server that a benchmark starts for itself: empty, on loopback, gone afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from components.common.errors import unavailable
from components.common.processes import Supervisor, free_port

_FIRST_PORT = 6390


@contextmanager
def redis_server(folder: Path) -> Iterator[SecretStr]:
    """What `FINLOOP_ONLINE_STORE` holds for a server that lives as long as the block.

    It appends to disk once a second, as a server that decisions rely on would. Raises
    `FinloopError("redis_missing")` where no `redis-server` is installed.
    """
    if shutil.which("redis-server") is None:
        raise unavailable(
            "redis_missing",
            "There is no redis-server here; install it with `apt-get install redis-server`.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port(_FIRST_PORT)
    where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    kept = ["--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    with Supervisor() as supervisor:
        supervisor.start(
            "redis",
            ["redis-server", *where, *kept],
            log=folder / "redis.log",
            ready=lambda: _answers(port),
        )
        yield SecretStr(f"redis://127.0.0.1:{port}/0")


def _answers(port: int) -> bool:
    from redis import Redis
    from redis.exceptions import RedisError

    try:
        return bool(Redis(port=port).ping())
    except RedisError:
        return False
