"""Files that appear together or not at all.

New files are written aside; then the old ones are kept aside, a journal is written, and the new
ones are renamed into place. Whatever goes wrong before the journal is gone, the journal leads back
to how it was: in the same process, or in the next one that starts a change.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.common.errors import unavailable

_ASIDE = ".change"


class Change:
    """A set of files below one root that is being prepared."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = root / _ASIDE
        self._targets: dict[str, bool] = {}

    @property
    def spill(self) -> Path:
        """A folder for temporary files that goes away with the change."""
        return self._aside / "spill"

    def write(self, target: Path) -> Path:
        """Where to write what `target` (below the root) is to become."""
        name = str(target.relative_to(self._root))
        self._targets[name] = True
        path = self._aside / "new" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def remove(self, target: Path) -> None:
        """Let `target` go when the change is made."""
        self._targets[str(target.relative_to(self._root))] = False

    def leave(self, target: Path) -> None:
        """Change nothing about `target` after all."""
        del self._targets[str(target.relative_to(self._root))]

    def apply(self) -> None:
        """Put every file in its place."""
        before = {name: (self._root / name).exists() for name in self._targets}
        for name in (name for name, existed in before.items() if existed):
            _link(self._root / name, self._aside / "old" / name)
        _write_durably(self._aside / "journal.json", json.dumps(before))
        for name, written in self._targets.items():
            target = self._root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if written:
                (self._aside / "new" / name).replace(target)
            else:
                target.unlink(missing_ok=True)
        (self._aside / "journal.json").unlink()


@contextmanager
def changing(root: Path) -> Iterator[Change]:
    """Prepare a change below `root`; made when the block ends, undone when it raises.

    One change at a time: a second process waits. Raises `FinloopError("disk_unavailable")` where
    the disk refuses.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / f"{_ASIDE}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            undo(root)
            try:
                change = Change(root)
                change.spill.mkdir(parents=True)
                yield change
                change.apply()
            finally:
                undo(root)
    except OSError as error:
        raise unavailable(
            "disk_unavailable",
            f"{root} cannot be written ({error.strerror or 'no reason told'}), so nothing was "
            "changed; free its disk or fix its permissions and retry.",
        ) from error


def undo(root: Path) -> None:
    """Bring back what a change that did not end had moved; nothing where none is open."""
    aside = root / _ASIDE
    journal = aside / "journal.json"
    if journal.exists():
        for name, existed in json.loads(journal.read_text()).items():
            if existed:
                _bring_back(aside / "old" / name, root / name)
            elif (root / name).exists():
                (root / name).unlink()
                _remove_empty((root / name).parent, root)
        journal.unlink()
    shutil.rmtree(aside, ignore_errors=True)


def _bring_back(kept: Path, target: Path) -> None:
    back = kept.with_name(f"{kept.name}.back")  # `kept` stays: an undo may itself be cut short
    back.unlink(missing_ok=True)
    _link(kept, back)
    back.replace(target)


def _link(path: Path, second: Path) -> None:
    """A second name of the same file: neither a copy nor a moment without the first."""
    second.parent.mkdir(parents=True, exist_ok=True)
    os.link(path, second)


def _write_durably(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
