"""What runs for an installation, and where it answers: told by who started it, while it runs.

A notice is a file under `home/running` on which its writer holds a lock. The kernel lets go of the
lock when the writer ends, however it ends, so that a notice that is left behind deceives nobody.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True)
class Notice:
    """A process that answers somewhere."""

    name: str
    address: str
    health: str
    """The address that answers with a status below 400 when all is well."""
    pid: int


class Board:
    """The notices of one owner of processes; kept up as long as it is open."""

    def __init__(self) -> None:
        self._up: list[tuple[Path, TextIO]] = []

    def put_up(self, folder: Path, notice: Notice) -> None:
        """Let other commands know of a process."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{notice.name}-{notice.pid}.json"
        file = path.open("w", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump(asdict(notice), file)
        file.flush()
        self._up.append((path, file))

    def take_down(self) -> None:
        """Take every notice down."""
        for path, file in self._up:
            path.unlink(missing_ok=True)
            file.close()
        self._up.clear()


def read_notices(folder: Path) -> tuple[Notice, ...]:
    """The notices whose writers live, in the order of their names."""
    return tuple(_living(sorted(folder.glob("*.json"))))


def _living(paths: list[Path]) -> Iterator[Notice]:
    for path in paths:
        try:
            with path.open(encoding="utf-8") as file:
                if _let_go(file):
                    continue
                yield Notice(**json.load(file))
        except (FileNotFoundError, ValueError):
            continue  # taken down, or not yet written, while we looked


def _let_go(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
