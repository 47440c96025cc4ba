"""Let old local runs go, except what newer ones still take from them.

KFP keeps a folder per run and, per cached step, an entry that names the artifacts in the folder of
the run that made them. An entry is as old as its last use. One that no kept run has made or used
goes; a folder goes when it is not among the newest and no entry names it any more.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RUNS, CACHE = "runs", "cache"


def note_use(kfp: Path, key: str) -> None:
    """Note that a cache entry, named by the beginning of its key, was used just now."""
    for entry in (kfp / CACHE).glob(f"{key}*.json"):
        entry.touch()


def prune(kfp: Path, keep: int) -> None:
    """Keep the `keep` newest runs, and older ones as long as a cache entry in use names them."""
    every = [path for path in (kfp / RUNS).glob("*") if path.is_dir()]
    old = sorted(every, key=_changed)[:-keep]
    if not old:
        return
    entries = _entries_since(kfp / CACHE, _changed(old[-1]))
    needed = {path for artifacts in entries for path in artifacts}
    for run in old:
        if not any(path.is_relative_to(run) for path in needed):
            shutil.rmtree(run, ignore_errors=True)


def _entries_since(cache: Path, moment: float) -> list[list[Path]]:
    """The artifacts of each entry that was used later; the other entries are let go."""
    kept = []
    for entry in cache.glob("*.json"):
        if _changed(entry) > moment:
            kept.append([Path(uri) for uri in _uris(json.loads(entry.read_text()))])
        else:
            entry.unlink(missing_ok=True)
    return kept


def _uris(value: Any) -> Iterator[str]:
    match value:
        case {"uri": str(uri)}:
            yield uri
        case dict():
            for inner in value.values():
                yield from _uris(inner)
        case list():
            for inner in value:
                yield from _uris(inner)


def _changed(path: Path) -> float:
    return path.stat().st_mtime
