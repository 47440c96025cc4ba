"""How far the ledger was carried into the online store; survives a restart."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from components.common.errors import unavailable


@dataclass(frozen=True)
class _Kept:
    """What the file says."""

    store: str | None = None
    """Identity of the online store that was carried into."""
    positions: dict[str, int] = field(default_factory=dict)


class Position:
    """Positions in the ledger by domain, in one small file that is replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "carried.json"

    def read(self, domain: str) -> int:
        """The position up to which a domain was carried; 0 where it never was."""
        return self._kept().positions.get(domain, 0)

    def write(self, domain: str, position: int) -> None:
        """Remember a position. Only the one follower of this host calls this."""
        kept = self._kept()
        self._write(_Kept(kept.store, {**kept.positions, domain: position}))

    def follow(self, store: str) -> None:
        """Begin anew where the online store is another one than before, or has lost its rows.

        `store` is its identity.
        """
        if self._kept().store != store:
            self._write(_Kept(store, {}))

    def _write(self, kept: _Kept) -> None:
        fresh = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(asdict(kept)))
            fresh.replace(self._path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise unavailable(
                "position_not_written",
                f"How far the ledger was followed cannot be written ({error}); "
                f"free the disk of {self._path.parent}.",
            ) from error

    def _kept(self) -> _Kept:
        try:
            found = json.loads(self._path.read_text())
            positions = {str(name): int(at) for name, at in found["positions"].items()}
            return _Kept(found["store"], positions)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return _Kept()  # carried again from the start: the merge leaves out what is there
