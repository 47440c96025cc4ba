"""What the ledger has of served decisions and outcomes, staged as contract rows.

Each domain says in `components/<domain>/served.py` which contract row a decision, an outcome or
feedback is: `decision_to_row(decision)`, `outcome_to_row(outcome)` and `feedback_to_row(feedback)`
give (table, row). A domain has those of them that there are rows of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from components.common.contracts import TABLES, Table
from components.common.lake import ARROW_TYPES
from components.common.ledger import Ledger, has_ledger, open_ledger
from components.common.reading import ROW, append_staged, create_staged
from components.common.records import Feedback
from components.common.settings import Settings

LEDGER = "ledger"
_PAGE = 10_000
"""Records in memory at a time."""
ContractRow = tuple[str, dict[str, Any]]
"""Name of a contract table, and a row of it."""


def served_modules() -> dict[str, ModuleType]:
    """Domain → its `served` module, for each domain that has one."""
    from components import domains

    names = {domain.name: f"components.{domain.name}.served" for domain in domains()}
    return {domain: import_module(name) for domain, name in names.items() if find_spec(name)}


def stage_ledger(connection: duckdb.DuckDBPyConnection, settings: Settings) -> set[str]:
    """Stage every served decision and outcome under the names of their tables; which these are."""
    counts: dict[str, int] = defaultdict(int)
    if not has_ledger(settings):
        return set()
    with closing(open_ledger(settings)) as ledger:
        for page in _pages(ledger):
            for name, rows in _by_table(page).items():
                if name not in counts:
                    create_staged(connection, name, TABLES[name])
                append_staged(connection, name, row_batch(TABLES[name], rows, counts[name]))
                counts[name] += len(rows)
    return set(counts)


def _pages(ledger: Ledger) -> Iterator[list[ContractRow]]:
    for domain, served in served_modules().items():
        for kind, select, to_row in (
            ("decisions", ledger.decisions, "decision_to_row"),
            ("outcomes", ledger.outcomes, "outcome_to_row"),
            ("feedback", partial(ledger.select, Feedback), "feedback_to_row"),
        ):
            if hasattr(served, to_row):
                yield from _read(ledger, kind, select, domain, getattr(served, to_row))


def outcome_pages(ledger: Ledger, domain: str, served: ModuleType) -> Iterator[list[ContractRow]]:
    """The outcomes of a domain as contract rows, a page at a time."""
    return _read(ledger, "outcomes", ledger.outcomes, domain, served.outcome_to_row)


def _read(
    ledger: Ledger,
    kind: str,
    select: Callable[..., Iterator[Any]],
    domain: str,
    to_row: Callable[[Any], ContractRow],
) -> Iterator[list[ContractRow]]:
    last = ledger.rows(f"SELECT coalesce(max(seq), 0) AS last FROM {kind}")[0]["last"]  # noqa: S608 - one of three names
    for low in range(0, last, _PAGE):
        records = select("domain = ? AND seq > ? AND seq <= ?", domain, low, low + _PAGE)
        yield [to_row(record) for record in records]


def _by_table(page: list[ContractRow]) -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, row in page:
        tables[name].append(row)
    return tables


def row_batch(table: Table, rows: list[dict[str, Any]], read: int) -> pa.RecordBatch:
    """Contract rows as a batch to stage, after `read` others."""
    columns = {
        column.name: pa.array([row.get(column.name) for row in rows], ARROW_TYPES[column.type])
        for column in table.columns
    }
    columns[ROW] = pa.array(np.arange(read + 1, read + len(rows) + 1))
    return pa.RecordBatch.from_pydict(columns)
