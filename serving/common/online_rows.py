"""Rows of several online views in one go, in the layout of Feast's own online stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from components.common.settings import Settings
from feature_repo.layout import Layout
from feature_repo.profiles import embedded
from serving.common.online_redis import RedisRows
from serving.common.online_sqlite import SqliteRows
from serving.common.online_values import Found, Written


class Rows(Protocol):
    """An online store. Raises whatever the store raises."""

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[Found]:
        """The row of each (view, entity id), in that order."""
        ...

    def write(self, view: str, rows: Sequence[Written]) -> None:
        """Put whole rows of a view in the place of those that are there."""
        ...

    def knock(self) -> None:
        """Raise where the store does not answer; connect anew where it does."""
        ...


def rows_of(settings: Settings, layout: Layout) -> Rows:
    """The online store of an installation."""
    if settings.online_store is None:
        return SqliteRows(settings.feast / embedded()["online_store"]["path"], layout)
    return RedisRows(settings.online_store.get_secret_value(), layout)
