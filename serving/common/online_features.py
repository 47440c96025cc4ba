"""Features from Feast's online store, each view with its age; what is missing stays null."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from feast import FeatureStore

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
class _View:
    name: str
    references: tuple[str, ...]
    ttl: timedelta | None


@dataclass(frozen=True)
class _Opened:
    store: FeatureStore
    views: dict[str, _View]


class OnlineFeatures:
    """Reads feature views by entity. Feast enforces no ttl online, so it is enforced here."""

    def __init__(self, open_store: Callable[[], FeatureStore]) -> None:
        self._open_store = open_store
        self._opened: _Opened | None = None

    def open(self) -> None:
        """Open the store anew and swap it in; slow, so off the hot path."""
        store = self._open_store()
        views = {view.name: _view(view) for view in store.list_batch_feature_views()}
        self._opened = _Opened(store, views)

    def read(
        self, views: Sequence[str], keys: Mapping[str, str], at: datetime
    ) -> dict[str, ViewRow]:
        """The row of each view for an entity at a moment; never raises.

        A view whose row is older than its ttl at that moment is `stale` and gives no values.
        """
        opened = self._opened
        wanted = [opened.views[name] for name in views if name in opened.views] if opened else []
        if opened is None or not wanted:
            return {name: ViewRow(trouble="unavailable") for name in views}
        try:
            found = _fetch(opened.store, wanted, keys)
        except Exception as error:  # noqa: BLE001 - whatever a store raises, the decision goes on
            _log.warning("the online store does not answer: %s", type(error).__name__)
            return {name: ViewRow(trouble="unavailable") for name in views}
        rows = {view.name: _row(view, *found[view.name], at) for view in wanted}
        return {name: rows.get(name, ViewRow(trouble="unavailable")) for name in views}


def _view(view: Any) -> _View:
    references = tuple(f"{view.name}:{feature.name}" for feature in view.features)
    return _View(view.name, references, view.ttl or None)


def _fetch(
    store: FeatureStore, views: Sequence[_View], keys: Mapping[str, str]
) -> dict[str, tuple[dict[str, Any], int]]:
    """View → (values, event timestamp in seconds since 1970; 0 where there is no row)."""
    from feast.type_map import feast_value_type_to_python_type

    references = [reference for view in views for reference in view.references]
    response = store.get_online_features(references, [dict(keys)], full_feature_names=True).proto
    found: dict[str, tuple[dict[str, Any], int]] = {view.name: ({}, 0) for view in views}
    names = response.metadata.feature_names.val
    for name, result in zip(names, response.results, strict=True):
        view, _, feature = name.partition("__")
        if view in found:
            values, _ = found[view]
            values[feature] = feast_value_type_to_python_type(result.values[0])
            found[view] = (values, result.event_timestamps[0].seconds)
    return found


def _row(view: _View, values: dict[str, Any], seconds: int, at: datetime) -> ViewRow:
    if seconds <= 0:
        return ViewRow(trouble="missing")
    age = max(0.0, (at - datetime.fromtimestamp(seconds, UTC)).total_seconds())
    if view.ttl is not None and age > view.ttl.total_seconds():
        return ViewRow(age_seconds=age, trouble="stale")
    return ViewRow(values, age)
