"""Rows added to the end of the chain, inside one transaction."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from components.common.ledger.chain import GENESIS, SALT_BYTES, Value, commit, follow
from components.common.ledger.store import Store
from components.common.ledger.tables import LedgerTable, table_of, utc_text
from components.common.records import Record

SEGMENT_ROWS = 100_000
"""A segment that has so many rows is sealed, and the next transaction begins a new one."""


@dataclass(frozen=True)
class End:
    """Where the chain stands: the last place that was given away, and the link of its row."""

    segment: int
    first: int
    seq: int
    link: bytes


class Writing:
    """One transaction's rows; the database is locked for every other writer meanwhile.

    Places (`seq`) are given away over all tables together and grow in the order of commits.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._began = self._end = self._open_segment()

    def add(self, records: Sequence[Record]) -> list[bool]:
        """Write records; False for each one that was there already."""
        tables = [table_of(type(record)) for record in records]
        return [
            self.insert(table, table.values(record)) is not None
            for table, record in zip(tables, records, strict=True)
        ]

    def insert(self, table: LedgerTable, values: Sequence[Value]) -> int | None:
        """The place of a new row; None where the record is there already."""
        salt, seq = os.urandom(SALT_BYTES), self._end.seq + 1
        link = follow(self._end.link, commit(salt, table.name, seq, values))
        if self._store.execute(table.insert, (seq, *values, salt, link)) != 1:
            return None
        self._end = End(self._end.segment, self._end.first, seq, link)
        return seq

    def finish(self) -> None:
        """Say where the chain ends now; what was cut off behind it is missed from then on."""
        if self._end is not self._began:
            self._store.execute(
                "UPDATE segments SET last_seq = ?, head = ? WHERE segment = ?",
                (self._end.seq, self._end.link, self._end.segment),
            )

    def _open_segment(self) -> End:
        last = self._store.rows(
            "SELECT segment, first_seq AS first, last_seq AS seq, head AS link FROM segments "
            "ORDER BY segment DESC LIMIT 1"
        )
        end = End(**last[0]) if last else End(0, 1, 0, GENESIS)
        if last and end.seq - end.first + 1 < SEGMENT_ROWS:
            return end
        return self._next_segment(end)

    def _next_segment(self, end: End) -> End:
        self._store.execute(
            "UPDATE segments SET sealed_at = ? WHERE segment = ?",
            (utc_text(datetime.now(UTC)), end.segment),
        )
        fresh = replace(end, segment=end.segment + 1, first=end.seq + 1)
        self._store.execute(
            "INSERT INTO segments (segment, first_seq, last_seq, head_before, head) "
            "VALUES (?, ?, ?, ?, ?)",
            (fresh.segment, fresh.first, fresh.seq, fresh.link, fresh.link),
        )
        return fresh
