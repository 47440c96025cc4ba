"""Keep the ledger's log short, so that no decision waits while it is copied."""

from __future__ import annotations

from collections.abc import Callable

from components.common.ledger import Ledger


class Tidier:
    """Tidies a ledger beside its writers."""

    def __init__(self, open_ledger: Callable[[], Ledger]) -> None:
        self._open_ledger = open_ledger
        self._ledger: Ledger | None = None

    def step(self) -> None:
        """Tidy once; raises `FinloopError("ledger_unavailable")` where it cannot be opened."""
        self._ledger = self._ledger or self._open_ledger()
        self._ledger.tidy()
