"""Features from Feast's online store, each view with its age; what is missing stays null."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView

from components.common.errors import unavailable

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
    store: FeatureStore
    views: dict[str, FeatureView]


class OnlineFeatures:
    """The online store by entity. Feast enforces no ttl online, so it is enforced here."""

    def __init__(self, folder: Path, open_store: Callable[[], FeatureStore]) -> None:
        """`folder` holds Feast's registry; `open_store` is slow and runs off the hot path."""
        self._folder = folder
        self._open_store = open_store
        self._opened: _Opened | None = None
        self._seen: tuple[int, ...] | None = None

    @property
    def open(self) -> bool:
        """Whether the store was found."""
        return self._opened is not None

    def refresh(self) -> bool:
        """Open the store anew where its registry has changed, then swap; whether it had."""
        seen = _stamps(self._folder)
        if not seen or seen == self._seen:
            return False
        store = self._open_store()
        views = {view.name: view for view in store.list_batch_feature_views()}
        _ = store.provider  # connects now rather than in the first request
        self._opened = _Opened(store, views)
        self._seen = seen
        return True

    def read(
        self, views: Sequence[str], keys: Mapping[str, str], at: datetime
    ) -> dict[str, ViewRow]:
        """The row of each view for an entity at a moment; never raises.

        `keys` is entity column → id. A view whose row is older than its ttl at that moment is
        `stale` and gives no values.
        """
        opened = self._opened
        if opened is None:
            return dict.fromkeys(views, ViewRow(trouble="unavailable"))
        return {name: _read(opened, name, keys, at) for name in views}

    def write(self, view: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write whole rows of a view, each with its entity and `event_timestamp`, at once."""
        import pandas as pd

        if self._opened is None:
            raise unavailable("feature_store_unavailable", "The feature store is not open yet.")
        frame = pd.DataFrame([{"created": datetime.now(UTC), **row} for row in rows])
        self._opened.store.write_to_online_store(view, df=frame)


def _read(opened: _Opened, name: str, keys: Mapping[str, str], at: datetime) -> ViewRow:
    if name not in opened.views:
        return ViewRow(trouble="unavailable")
    view = opened.views[name]
    try:
        moment, values = _fetch(opened.store, view, keys[view.join_keys[0]])
    except Exception as error:  # noqa: BLE001 - whatever a store raises, the decision goes on
        _log.warning("the online store does not answer for %s: %s", name, type(error).__name__)
        return ViewRow(trouble="unavailable")
    if moment is None:
        return ViewRow(trouble="missing")
    age = max(0.0, (at - moment).total_seconds())
    if view.ttl and age > view.ttl.total_seconds():
        return ViewRow(age_seconds=age, trouble="stale")
    return ViewRow(values, age)


def _fetch(
    store: FeatureStore, view: FeatureView, key: str
) -> tuple[datetime | None, dict[str, Any]]:
    """(event timestamp, values) of one entity; no timestamp where there is no row.

    Asks the provider rather than `get_online_features`: the same rows for a third of the time.
    """
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    entity = EntityKey(join_keys=view.join_keys[:1], entity_values=[Value(string_val=key)])
    ((moment, values),) = store.provider.online_read(store.config, view, [entity])
    return moment, {name: _python(value) for name, value in (values or {}).items()}


def _python(value: Any) -> Any:
    kind = value.WhichOneof("val")
    if kind is None:
        return None
    held = getattr(value, kind)
    return list(held.val) if kind.endswith("_list_val") else held


def _stamps(folder: Path) -> tuple[int, ...]:
    stamps = []
    for path in sorted(folder.glob("registry*")):
        with suppress(FileNotFoundError):
            stamps.append(path.stat().st_mtime_ns)
    return tuple(stamps)
