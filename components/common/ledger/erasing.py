"""Rows that go for good: their commitments stay, and a record says that they went.

The only way to remove a row. The chain goes on over the commitment, and `Erasure` names the place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from components.common.ledger.book import Ledger
from components.common.ledger.chain import commit
from components.common.ledger.places import Places
from components.common.ledger.store import Store
from components.common.ledger.tables import TABLES, LedgerTable, table_of, utc_text
from components.common.records import Erasure

_PAGE = 5_000
"""Rows that go in one transaction: other writers wait no longer than that takes."""
Which = Callable[[LedgerTable], tuple[str, Sequence[object]]]
"""SQL condition of the rows of a table that go, and its values."""


def of_person(pseudonym: str) -> Which:
    """Everything that belongs to a person."""
    return lambda table: (table.of_person or "FALSE", (pseudonym,) if table.of_person else ())


def older_than(cutoff: datetime) -> Which:
    """Everything about persons that was recorded before a moment."""
    return lambda table: (
        (f"{table.of_people} AND recorded_at < ?", (utc_text(cutoff),))
        if table.of_person
        else ("FALSE", ())
    )


def erase(
    ledger: Ledger,
    which: Which,
    reason: Literal["person", "retention"],
    actor: str,
    now: datetime,
) -> dict[str, int]:
    """Remove rows with their salts; how many, by table. Nothing to remove leaves no trace.

    What refers to decisions goes before them, so that an interrupted erasure is found again.
    """
    removed: Counter[str] = Counter()
    for table in reversed(TABLES):
        if table.of_person is not None:
            while count := _erase_page(ledger, table, which(table), reason, actor, now):
                removed[table.name] += count
    if removed:
        ledger.forget_removed()
    return dict(removed)


def _erase_page(
    ledger: Ledger,
    table: LedgerTable,
    which: tuple[str, Sequence[object]],
    reason: Literal["person", "retention"],
    actor: str,
    now: datetime,
) -> int:
    where, values = which
    columns = f"seq, {', '.join(table.names)}, salt, link"
    sql = f"SELECT {columns} FROM {table.name} WHERE {where} ORDER BY seq LIMIT {_PAGE}"  # noqa: S608 - names and conditions of ours
    with ledger.writing() as (store, writing):
        rows = store.rows(sql, values)
        if rows:
            places = Places.of(row["seq"] for row in rows)
            record = Erasure(uuid4().hex, reason, actor, now, {"rows": places.spans})
            erasures = table_of(Erasure)
            seq = writing.insert(erasures, erasures.values(record))
            for row in rows:
                _remove(store, table, row, seq)
    return len(rows)


def _remove(store: Store, table: LedgerTable, row: dict[str, Any], erasure: int | None) -> None:
    content = [row[name] for name in table.names]
    commitment = commit(bytes(row["salt"]), table.name, row["seq"], content)
    store.execute(
        "INSERT INTO erased (seq, name, erasure, commitment, link) VALUES (?, ?, ?, ?, ?)",
        (row["seq"], table.name, erasure, commitment, bytes(row["link"])),
    )
    store.execute(f"DELETE FROM {table.name} WHERE seq = ?", (row["seq"],))  # noqa: S608 - our name
