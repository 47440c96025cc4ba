"""A real PostgreSQL server for tests, on a port and in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pg8000.native import Connection
from pydantic import SecretStr

MISSING = "PostgreSQL is missing: install it with `apt-get install postgresql`."
USER, DATABASE = "finloop", "ledger"


@dataclass
class PostgresServer:
    """A server that can be stopped and started again on the same port, with what it held."""

    password: str = "open, sesame=1"
    port: int = 0
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="finloop-pg-")))

    def start(self) -> PostgresServer:
        """Make the cluster where there is none yet, start it and wait until it answers."""
        data = self.folder / "data"
        if not data.exists():
            self._initialise(data)
        self.port = self.port or _free_port()
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off "
            f"-c unix_socket_directories={self.folder}"
        )
        log = self.folder / "log"
        _run("pg_ctl", "start", "-w", "-t", "60", "-D", str(data), "-l", str(log), "-o", options)
        return self

    def stop(self) -> None:
        """Stop it at once, as a crash does."""
        _run("pg_ctl", "stop", "-m", "immediate", "-D", str(self.folder / "data"))

    def remove(self) -> None:
        """Stop it and forget what it held."""
        with suppress(subprocess.CalledProcessError):  # it was stopped already
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def empty(self) -> None:
        """A database without tables; connections of before are closed."""
        with closing(self.connection("postgres")) as opened:
            opened.run(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            opened.run(f"CREATE DATABASE {DATABASE}")

    def address(self) -> SecretStr:
        """What `FINLOOP_LEDGER_URL` holds."""
        password = self.password.replace(" ", "%20")
        return SecretStr(f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{DATABASE}")

    def connection(self, database: str = DATABASE) -> Connection:
        """A connection of one who may do anything."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return Connection(USER, "127.0.0.1", database, self.port, self.password)
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _initialise(self, data: Path) -> None:
        if os.geteuid() == 0:  # it refuses to run as root
            shutil.chown(self.folder, "postgres")
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        how = ["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        _run("initdb", "-D", str(data), "-U", USER, f"--pwfile={secret}", *how)


def _run(program: str, *arguments: str) -> None:
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    prefix = as_postgres if os.geteuid() == 0 else []
    subprocess.run(
        [*prefix, _find(program), *arguments],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )


def _find(program: str) -> str:
    """Debian keeps the programs of the server outside the path."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    found = shutil.which(program) or (str(beside[-1]) if beside else None)
    assert found, MISSING
    return found


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
