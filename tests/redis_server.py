"""A real Redis server for tests, on a port of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import redis
from pydantic import SecretStr

MISSING = "redis-server is missing: install it with `apt-get install redis-server`."


@dataclass
class RedisServer:
    """A server that can be stopped, paused and started again on the same port."""

    folder: Path
    password: str = "open, sesame=1"
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> RedisServer:
        """Start and wait until it answers; on the port of before where there was one."""
        assert shutil.which("redis-server"), MISSING
        for _ in range(20):
            self.port = self.port or _free_port()
            limits = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
            where = ["--port", str(self.port), "--dir", str(self.folder)]
            self.process = subprocess.Popen(
                ["redis-server", *where, *limits, "--requirepass", self.password],
                stdout=subprocess.DEVNULL,
            )
            if self._answers():
                return self
            self.port = 0
        raise AssertionError("redis-server did not start")

    def stop(self) -> None:
        """Kill it, as a crash does; its rows are gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def address(self, database: int = 0) -> SecretStr:
        """What `FINLOOP_ONLINE_STORE` holds."""
        return SecretStr(f"redis://:open%2C%20sesame%3D1@127.0.0.1:{self.port}/{database}")

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=self.password)

    def _answers(self) -> bool:
        assert self.process is not None
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                return bool(self.client().ping())
            except redis.RedisError:
                time.sleep(0.01)
        return False


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
