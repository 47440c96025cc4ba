"""Remove a person, or everything that is too old, from all that an installation keeps.

Files go first and the ledger last: it knows what a person did, so that an erasure that was cut
short finds the rest when it is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from components.common import erasing, lake
from components.common.contracts import TABLES
from components.common.errors import bad_input
from components.common.identity import pseudonymise
from components.common.ledger import erasing as ledger_erasing
from components.common.ledger import has_ledger, open_ledger
from components.common.ledger_rows import served_modules
from components.common.settings import Settings


@dataclass(frozen=True)
class Erased:
    """How much was removed, and from where."""

    ledger: dict[str, int] = field(default_factory=dict)
    """Records, by table."""
    files: dict[str, int] = field(default_factory=dict)
    """Rows, by folder under home."""
    texts: int = 0
    """Reports and logs in which the pseudonym was blotted out."""
    online: int = 0
    """People whose rows were removed from the online store."""

    @property
    def anything(self) -> bool:
        """Whether there was something to remove."""
        return bool(self.ledger or self.files or self.texts or self.online)

    @property
    def lake_changed(self) -> bool:
        """Whether features and models were made from rows that are no more."""
        return any(folder.split("/")[0] in ("lake", "features") for folder in self.files)

    def as_json(self) -> dict[str, Any]:
        """One JSON object for programs."""
        return {**asdict(self), "anything": self.anything, "lake_changed": self.lake_changed}


def erase_person(settings: Settings, user: str, actor: str, now: datetime) -> Erased:
    """Remove everything about a person; `user` is their id as it came in. Safe to repeat."""
    person = pseudonymise(user, settings.pseudonym_secret())
    ids = erasing.ids_of(settings.lake, person)
    for column, found in _decided(settings, person):
        ids.setdefault(column, set()).add(found)
    files = erasing.remove_rows(settings, erasing.of_person(ids))
    texts = erasing.blot_out(settings, [person])
    online = _forget(settings, [person])
    records = _erase(settings, ledger_erasing.of_person(person), "person", actor, now)
    return Erased(records, files, texts, online)


def expire(settings: Settings, actor: str, now: datetime) -> Erased:
    """Remove everything about people that is older than the retention of the settings.

    Raises `FinloopError("no_retention")` where none is set.
    """
    if settings.retention_days is None:
        raise bad_input(
            "no_retention",
            "Nothing expires here; set FINLOOP_RETENTION_DAYS to the days that data is kept.",
        )
    cutoff = now - timedelta(days=settings.retention_days)
    before = _people(settings)
    files = erasing.remove_rows(settings, erasing.older_than(cutoff))
    records = _erase(settings, ledger_erasing.older_than(cutoff), "retention", actor, now)
    online = _forget(settings, sorted(before - _people(settings)))
    return Erased(records, files, 0, online)


def _erase(
    settings: Settings, which: ledger_erasing.Which, reason: Any, actor: str, now: datetime
) -> dict[str, int]:
    if not has_ledger(settings):
        return {}
    with closing(open_ledger(settings)) as ledger:
        return ledger_erasing.erase(ledger, which, reason, actor, now)


def _decided(settings: Settings, person: str) -> Iterator[tuple[str, str]]:
    """(column, id) of each subject that was decided on for a person."""
    if not has_ledger(settings):
        return
    served = served_modules()
    with closing(open_ledger(settings)) as ledger:
        for decision in ledger.decisions("entity_id = ?", person):
            if hasattr(served.get(decision.domain), "decision_to_row"):
                table, row = served[decision.domain].decision_to_row(decision)
                column = TABLES[table].key[0]
                yield column, row[column]


def _people(settings: Settings) -> set[str]:
    """Everybody of whom the lake or the ledger knows something."""
    found: set[str] = set()
    for table in lake.tables_present(settings.lake):
        if any(column.name == erasing.PERSON for column in TABLES[table].columns):
            rows = lake.read(settings.lake, table).project(erasing.PERSON).distinct()
            found |= {row[0] for row in rows.fetchall()}
    if has_ledger(settings):
        with closing(open_ledger(settings)) as ledger:
            found |= {
                row["entity_id"] for row in ledger.rows("SELECT DISTINCT entity_id FROM decisions")
            }
    return found


def _forget(settings: Settings, people: list[str]) -> int:
    from feature_repo.store import forget

    if not people or not settings.feast.exists():
        return 0
    return forget(settings, erasing.PERSON, people)
