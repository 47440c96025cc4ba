"""What the ledger asks of a database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from components.common.errors import FinloopError, unavailable

Durability = Literal["disk", "process"]


class Store(Protocol):
    """A database that holds a ledger. One thread at a time.

    SQL has `?` for each value and is what both dialects understand. A database that fails is
    `FinloopError("ledger_unavailable")`; a statement that it refuses stays the error it is.
    """

    near: bool
    """Whether statements cost no round trip, so that they may be made where nothing may wait."""

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Rows of a query."""
        ...

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """How many rows a statement changed."""
        ...

    def writing(self, wait: bool = True) -> AbstractContextManager[None]:
        """A transaction of the only writer, durable on leaving; rolled back where it fails.

        With `wait` false it fails at once where another writer is in the way.
        """
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Everything read inside is of one moment."""
        ...

    def forget_removed(self) -> None:
        """Leave no copy of removed rows in the files, as far as the database can."""
        ...

    def tidy(self) -> None:
        """Do beside the writers what one of their commits would have to do now and then."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


def busy() -> FinloopError:
    """Another writer took too long."""
    return unavailable(
        "ledger_unavailable",
        "Another process writes the ledger and has not ended in time, so nothing was written; "
        "retry in a moment.",
    )


def out_of_order(error: object) -> FinloopError:
    """The database does not do its work."""
    return unavailable(
        "ledger_unavailable",
        f"The ledger cannot be used ({error}), so nothing was written; "
        "see that its disk has room and its file is whole, then retry.",
    )
