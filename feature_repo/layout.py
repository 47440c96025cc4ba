"""What there is online, as a small file: who reads or writes rows there need not import Feast.

Importing Feast takes seconds, and nobody who serves needs more of it than names and types. The file
is written whenever Feast is told of its views, after it has taken them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.settings import Settings

if TYPE_CHECKING:
    from feast import FeatureStore

FILE = "layout.json"


@dataclass(frozen=True)
class View:
    """One online feature view."""

    name: str
    entity: str
    """Its entity column."""
    features: Mapping[str, str]
    """Feature → field of Feast's `Value` message that holds it."""
    ttl_seconds: float | None
    """Age from which a row no longer counts; None never."""


@dataclass(frozen=True)
class Layout:
    """Every view of an installation."""

    project: str
    views: Mapping[str, View]

    @classmethod
    def of(cls, store: FeatureStore) -> Layout:
        """What Feast's registry says."""
        views = [
            View(
                view.name,
                view.join_keys[0],
                {one.name: _field(one.dtype) for one in view.features},
                view.ttl.total_seconds() if view.ttl else None,
            )
            for view in store.list_batch_feature_views()
        ]
        return cls(store.project, {view.name: view for view in views})

    def write(self, settings: Settings) -> None:
        """Replace the file as a whole."""
        path = layout_path(settings)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)

    @classmethod
    def read(cls, settings: Settings) -> Layout:
        """What the file says; raises `OSError` where there is none."""
        kept = json.loads(layout_path(settings).read_text(encoding="utf-8"))
        views = {name: View(**view) for name, view in kept["views"].items()}
        return cls(kept["project"], views)


def layout_path(settings: Settings) -> Path:
    """Where the file is; it is another file after every change."""
    return settings.feast / FILE


def _field(kind: object) -> str:
    """`DOUBLE_LIST` is held by `double_list_val`."""
    return f"{kind.to_value_type().name.lower()}_val"  # type: ignore[attr-defined]
