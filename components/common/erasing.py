"""Rows of people removed from every file below home: lake, quarantine, features, pipeline runs.

A row is a person's where a column that names people, or what people did, holds one of their ids.
Sealed artifacts of models have no such columns: they hold model inputs and scores.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.common import lake
from components.common.change import Change, changing
from components.common.contracts import TABLES, Table
from components.common.partitions import write_parquet
from components.common.reading import BATCH
from components.common.settings import Settings

PERSON = "user_id"
"""Column that names a person."""
Ids = Mapping[str, set[str]]
"""Column → the ids in it that belong to somebody."""
Going = Callable[[pa.RecordBatch], np.ndarray | None]
"""Which rows of a batch go (bool); None where nothing of such a file can be anybody's."""
_TEXT = (".csv", ".html", ".json", ".log", ".md", ".txt")
_TIMES = ("event_timestamp", "outcome_timestamp")
_OTHERS = ("mlflow", "secrets", "bentoml")
"""Folders whose texts are not ours to change."""


def subject_columns() -> dict[str, Table]:
    """Columns that name what one person did, as transaction_id, with the table that they key."""
    return {
        table.key[0]: table
        for table in TABLES.values()
        if len(table.key) == 1 and any(column.name == PERSON for column in table.columns)
    }


def ids_of(root: Path, person: str) -> dict[str, set[str]]:
    """The ids that belong to a person by the lake: their own, and those of what they did."""
    ids = {PERSON: {person}}
    for column, table in subject_columns().items():
        if lake.partitions(root, table.name):
            found = lake.read(root, table.name).filter(f"{PERSON} = {lake.quote(person)}")
            ids[column] = {row[0] for row in found.project(column).fetchall()}
    return ids


def of_person(ids: Ids) -> Going:
    """Rows that hold one of these ids."""
    values = {name: pa.array(sorted(found), pa.string()) for name, found in ids.items()}

    def going(batch: pa.RecordBatch) -> np.ndarray | None:
        masks = [
            np.asarray(pc.call_function("is_in", [batch[name]], pc.SetLookupOptions(found)))
            for name, found in values.items()
            if name in batch.schema.names
        ]
        return np.logical_or.reduce(masks) if masks else None

    return going


def older_than(cutoff: datetime) -> Going:
    """Rows about people, or about what they did, whose moment lies before another one."""
    named = {PERSON, *subject_columns()}
    bound = pa.scalar(cutoff, lake.ARROW_TYPES["timestamp"])

    def going(batch: pa.RecordBatch) -> np.ndarray | None:
        times = [name for name in _TIMES if name in batch.schema.names]
        if not times or named.isdisjoint(batch.schema.names):
            return None
        moments = batch[times[0]].cast(lake.ARROW_TYPES["timestamp"])
        earlier = pc.call_function("less", [moments, bound])
        return np.asarray(pc.call_function("coalesce", [earlier, pa.scalar(False)]))

    return going


def remove_rows(settings: Settings, going: Going) -> dict[str, int]:
    """Remove rows from every parquet file below home, all or nothing; how many, by folder."""
    removed: Counter[str] = Counter()
    home, lake_name = settings.home, settings.lake.name
    with changing(home) as change:
        lake_files: dict[str, dict[str, lake.Partition | None]] = defaultdict(dict)
        for path, inside in _below(home, (".parquet",)):
            if not _touches(path, going):
                continue
            count, left = _rewrite(change, path, going)
            removed["/".join(inside.parts[: 2 if inside.parts[0] == lake_name else 1])] += count
            if inside.parts[0] == lake_name:
                lake_files[inside.parts[1]]["/".join(inside.parts[2:])] = left
        for table, files in lake_files.items():
            _write_digests(change, settings.lake, table, files)
    return dict(removed)


def blot_out(settings: Settings, ids: Iterable[str]) -> int:
    """Replace ids by zeros in the texts below home (reports, logs); in how many files."""
    wanted = [one.encode() for one in ids]
    changed = 0
    with changing(settings.home) as change:
        for path, inside in _below(settings.home, _TEXT):
            if inside.parts[0] in _OTHERS:
                continue
            content = blotted = path.read_bytes()
            for one in wanted:
                blotted = blotted.replace(one, b"0" * len(one))
            if blotted != content:
                change.write(path).write_bytes(blotted)
                changed += 1
    return changed


def _below(home: Path, suffixes: tuple[str, ...]) -> list[tuple[Path, Path]]:
    """(file, its path inside home) of every file of these kinds that is ours to change."""
    files = [path for path in sorted(home.rglob("*")) if path.suffix in suffixes and path.is_file()]
    found = [(path, path.relative_to(home)) for path in files if not path.is_symlink()]
    return [(path, inside) for path, inside in found if not inside.parts[0].startswith(".")]


def _touches(path: Path, going: Going) -> bool:
    with pq.ParquetFile(path) as file:
        if going(pa.RecordBatch.from_pylist([], schema=file.schema_arrow)) is None:
            return False
        return any(mask is not None and mask.any() for mask in map(going, file.iter_batches(BATCH)))


def _rewrite(change: Change, path: Path, going: Going) -> tuple[int, lake.Partition | None]:
    """How many rows went, and what the file is now; None where nothing is left of it."""
    with pq.ParquetFile(path) as file:
        before = file.metadata.num_rows
        written = write_parquet(change.write(path), file.schema_arrow, _kept(file, going))
    if written["rows"]:
        return before - written["rows"], written
    change.remove(path)
    return before, None


def _kept(file: pq.ParquetFile, going: Going) -> Iterator[pa.RecordBatch]:
    for batch in file.iter_batches(BATCH):
        mask = going(batch)
        kept = batch if mask is None else batch.filter(pa.array(~mask))
        if kept.num_rows:
            yield kept


def _write_digests(
    change: Change, root: Path, table: str, files: Mapping[str, lake.Partition | None]
) -> None:
    """Say what the partitions of a table are now."""
    known = {**lake.partitions(root, table), **files}
    left = {name: digest for name, digest in known.items() if digest is not None}
    target = root / table / lake.DIGESTS
    change.write(target).write_text(json.dumps(dict(sorted(left.items())), indent=1) + "\n")
