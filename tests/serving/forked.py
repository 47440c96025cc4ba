"""The application behind a real port, in a process that takes no time to start: it is forked.

`python -m tests.serving.forked` imports everything once and opens the port. A child answers; where
it is killed, the next one is forked in its place and reads everything from the disk again, as a
restarted worker does.
"""

from __future__ import annotations

import os
import socket
import sys

import uvicorn

from components.common.settings import load_settings
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.runtime import Runtime


def main() -> None:
    """Answer on a free port of loopback until standard input ends; the port is printed."""
    every, settings = services(), load_settings()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        print(listening.getsockname()[1], flush=True)  # noqa: T201
        while True:
            child = os.fork()
            if child == 0:
                app = make_app(Runtime(settings, every))
                uvicorn.Server(uvicorn.Config(app, log_level="critical")).run([listening])
                os._exit(0)
            print(child, flush=True)  # noqa: T201
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):
                sys.exit(status)


if __name__ == "__main__":
    main()
