"""Features from Feast's online store, each view with its age; what is missing stays null."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any, Literal

from components.common.errors import unavailable
from components.common.settings import Settings
from feature_repo.layout import Layout, View, layout_path
from feature_repo.online import identity, online_side, out_of_reach
from serving.common.online_rows import Rows, rows_of

_log = logging.getLogger("finloop.serving")

Trouble = Literal["missing", "stale", "unavailable"]


@dataclass(frozen=True)
class ViewRow:
    """What one feature view knows of an entity."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """Feature → value; empty where there is trouble."""
    age_seconds: float | None = None
    """How old the row was at the moment of the event; None where there is none."""
    trouble: Trouble | None = None


@dataclass(frozen=True)
class _Opened:
    views: Mapping[str, View]
    rows: Rows


class OnlineFeatures:
    """The online store by entity. Feast enforces no ttl online, so it is enforced here.

    A store that fails is not asked again until `refresh` finds that it answers: decisions go on
    without it at once, rather than each waiting in vain.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: _Opened | None = None
        self._seen: tuple[int, int] | None = None
        self._down = False

    @property
    def open(self) -> bool:
        """Whether the store was found."""
        return self._opened is not None

    @property
    def answering(self) -> bool:
        """Whether the store is open and answered when it was last asked."""
        return self._opened is not None and not self._down

    def refresh(self) -> bool:
        """Open the store anew where its views have changed, then swap; whether they had.

        A store that was down is asked whether it is back.
        """
        seen = self._stamp()
        changed = seen is not None and seen != self._seen
        if changed:
            self._opened = self._open()
            self._seen = seen
        if self._down and self._opened is not None:
            self._look_again(self._opened.rows)
        return changed

    def read(
        self, views: Sequence[str], keys: Mapping[str, str], at: datetime
    ) -> dict[str, ViewRow]:
        """The row of each view for an entity at a moment; never raises.

        `keys` is entity column → id. A view whose row is older than its ttl at that moment is
        `stale` and gives no values.
        """
        found = dict.fromkeys(views, ViewRow(trouble="unavailable"))
        opened = self._opened
        if opened is None or self._down:
            return found
        known = [name for name in views if name in opened.views]
        wanted = [(name, keys[opened.views[name].entity]) for name in known]
        try:
            rows = opened.rows.read(wanted)
        except Exception as error:  # noqa: BLE001 - whatever a store raises, the decision goes on
            self._down = True
            _log.warning("the online store does not answer: %s", type(error).__name__)
            return found
        for name, (moment, values) in zip(known, rows, strict=True):
            found[name] = _view_row(opened.views[name], moment, values, at)
        return found

    def stored(self, view: str, entities: Sequence[str]) -> list[Mapping[str, Any]]:
        """What a view holds of entities, whatever its age; empty where it holds nothing.

        Raises `FinloopError` where the view is not there or the store does not answer.
        """
        if self._opened is None or view not in self._opened.views:
            raise unavailable(
                "feature_store_unavailable",
                f"The feature view {view} is not there, so decisions wait in the ledger; "
                "run `finloop run data` once.",
            )
        try:
            found = self._opened.rows.read([(view, entity) for entity in entities])
        except (OSError, sqlite3.Error, *_redis_errors()) as error:  # looked up when one is raised
            raise out_of_reach(error) from error
        return [values for _, values in found]

    def write(self, view: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write whole rows of a view, each with its entity and `event_timestamp`, at once.

        Raises `FinloopError("online_store_unavailable")` where the store refuses.
        """
        if self._opened is None:
            raise unavailable("feature_store_unavailable", "The feature store is not open yet.")
        entity = self._opened.views[view].entity
        written = [(row[entity], row["event_timestamp"], row) for row in rows]
        try:
            self._opened.rows.write(view, written)
        except (OSError, sqlite3.Error, *_redis_errors()) as error:  # looked up when one is raised
            raise out_of_reach(error) from error

    def identity(self) -> str:
        """What tells the content of this store from any other; raises as `write` does."""
        if self._opened is None:
            raise unavailable(
                "feature_store_unavailable",
                "There is no feature store yet, so decisions wait in the ledger; "
                "run `finloop run data` once.",
            )
        return identity(online_side(self._settings))

    def _open(self) -> _Opened:
        layout = Layout.read(self._settings)
        return _Opened(layout.views, rows_of(self._settings, layout))

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = layout_path(self._settings).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _look_again(self, rows: Rows) -> None:
        try:
            rows.knock()
        except Exception as error:  # noqa: BLE001 - it is down still, in whichever way
            _log.debug("the online store is still away: %s", type(error).__name__)
            return
        self._down = False
        _log.warning("the online store answers again")


def plain(value: Any) -> float | None:
    """A value of a view as a number; None for null and for what is not finite."""
    number = None if value is None else float(value)
    return number if number is not None and isfinite(number) else None


def _view_row(
    view: View, moment: datetime | None, values: Mapping[str, Any], at: datetime
) -> ViewRow:
    if moment is None:
        return ViewRow(trouble="missing")
    age = max(0.0, (at - moment).total_seconds())
    if view.ttl_seconds and age > view.ttl_seconds:
        return ViewRow(age_seconds=age, trouble="stale")
    return ViewRow(values, age)


def _redis_errors() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError

    return (RedisError,)
