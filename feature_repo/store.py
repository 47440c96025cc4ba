"""The feature store of an installation: open it, tell it what there is, fill its online side."""

from __future__ import annotations

import logging
import sqlite3
import warnings
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.common.errors import refused
from components.common.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore, FeatureView

CONFIG = Path(__file__).with_name("feature_store.yaml")


def open_store(settings: Settings) -> FeatureStore:
    """The feature store under `settings.feast`; importing Feast costs seconds, once."""
    settings.feast.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():  # Feast changes the filters of the whole process
        from feast import FeatureStore

    logging.getLogger("feast").setLevel(logging.WARNING)  # else it tells of every row it reads
    return FeatureStore(repo_path=str(settings.feast), fs_yaml_file=CONFIG)


def apply(settings: Settings) -> FeatureStore:
    """Tell Feast of every view and service over `settings.feature_tables`; forget any other."""
    store = open_store(settings)
    from feature_repo.definitions import definitions

    wanted = definitions(settings.feature_tables)
    names = {each.name for each in wanted}
    known = [*store.list_feature_services(), *store.list_batch_feature_views()]
    gone = [each for each in known if each.name not in names]
    store.apply(wanted, objects_to_delete=gone, partial=False)
    _let_readers_go_on(store)
    return store


def _let_readers_go_on(store: FeatureStore) -> None:
    """Have SQLite write ahead, which it remembers: a decision must not wait for a batch."""
    online: Any = store.config.online_store
    if online.type == "sqlite":
        with closing(sqlite3.connect(Path(store.config.repo_path or "") / online.path)) as opened:
            opened.execute("PRAGMA journal_mode = WAL")


def materialize(
    settings: Settings, as_of: datetime, store: FeatureStore | None = None
) -> dict[str, int]:
    """Bring every online view to its newest rows as of a moment; rows written, by view.

    Rows keep the midnight that they are of: the service counts a view by its ttl, as Feast does
    offline. Views that the service writes are left alone.
    """
    store = store or open_store(settings)
    from feature_repo.views import SERVICE, WRITTEN_BY

    return {
        view.name: _materialize(store, view, as_of)
        for view in store.list_batch_feature_views()
        if view.online and view.tags.get(WRITTEN_BY) != SERVICE
    }


def _materialize(store: FeatureStore, view: FeatureView, as_of: datetime) -> int:
    rows = _newest(view, as_of)
    if len(rows):
        store.write_to_online_store(view.name, df=rows)
    return len(rows)


def _newest(view: FeatureView, as_of: datetime) -> pd.DataFrame:
    """The newest row of each entity of a view, at most as of a moment."""
    import duckdb
    from feast import FileSource

    source = view.batch_source
    if not isinstance(source, FileSource) or not Path(source.path).exists():
        raise refused(
            "features_missing",
            f"The feature table of {view.name} is not there; run `finloop run data` first.",
        )
    key = view.join_keys[0]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(
            f"""SELECT * FROM read_parquet($path) WHERE event_timestamp <= $as_of
                QUALIFY row_number() OVER (
                    PARTITION BY {key} ORDER BY event_timestamp DESC, created DESC) = 1
                ORDER BY {key}""",  # noqa: S608 - a join key of ours
            {"path": source.path, "as_of": as_of},
        ).df()
