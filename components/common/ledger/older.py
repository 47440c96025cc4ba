"""Ledger files of the layout without a chain: taken up once, as the first segment."""

from __future__ import annotations

from collections.abc import Sequence

from components.common.ledger.store import Store
from components.common.ledger.tables import TABLES, LedgerTable
from components.common.ledger.writing import Writing

_OLD = "older_"
_PAGE = 1_000


def set_aside(store: Store) -> tuple[str, ...]:
    """Rename tables that have no chain, without what hangs on them; which these are."""
    found = tuple(table.name for table in TABLES if _without_chain(store, table.name))
    for name in found:
        hanging = store.rows(
            "SELECT type, name FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL "
            "AND type IN ('index', 'trigger')",
            (name,),
        )
        for one in hanging:
            store.execute(f"DROP {one['type']} {one['name']}")
        store.execute(f"ALTER TABLE {name} RENAME TO {_OLD}{name}")
    return found


def take_up(store: Store, tables: Sequence[str]) -> None:
    """Chain the rows that were set aside, a kind after the other, each in the order of writing.

    Decisions come first and keep their places, which followers of the ledger remember.
    """
    if not tables:
        return
    writing = Writing(store)
    for table in (one for one in TABLES if one.name in tables):
        _copy(store, writing, table)
        store.execute(f"DROP TABLE {_OLD}{table.name}")
    writing.finish()


def _copy(store: Store, writing: Writing, table: LedgerTable) -> None:
    sql = (
        f"SELECT seq, {', '.join(table.names)} FROM {_OLD}{table.name} "  # noqa: S608 - our names
        f"WHERE seq > ? ORDER BY seq LIMIT {_PAGE}"
    )
    seen = 0
    while page := store.rows(sql, (seen,)):
        for row in page:
            writing.insert(table, [row[name] for name in table.names])
        seen = page[-1]["seq"]


def _without_chain(store: Store, table: str) -> bool:
    columns = {row["name"] for row in store.rows(f"PRAGMA table_info({table})")}
    return bool(columns) and "link" not in columns
