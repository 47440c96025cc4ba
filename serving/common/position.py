"""How far the ledger was carried into the online store; survives a restart."""

from __future__ import annotations

import json
import os
from pathlib import Path

from components.common.errors import unavailable


class Position:
    """Positions in the ledger by domain, in one small file that is replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "carried.json"

    def read(self, domain: str) -> int:
        """The position up to which a domain was carried; 0 where it never was."""
        return self._all().get(domain, 0)

    def write(self, domain: str, position: int) -> None:
        """Remember a position. Only the one follower of this host calls this."""
        fresh = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({**self._all(), domain: position}))
            fresh.replace(self._path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise unavailable(
                "position_not_written",
                f"How far the ledger was followed cannot be written ({error}); "
                f"free the disk of {self._path.parent}.",
            ) from error

    def _all(self) -> dict[str, int]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}  # carried again from the start: the merge leaves out what is there already
        return {str(domain): int(position) for domain, position in found.items()}
