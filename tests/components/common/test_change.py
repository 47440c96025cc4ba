"""Files appear together or not at all, whatever goes wrong and whenever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components.common.change import Change, changing, undo
from components.common.errors import Exit, FinloopError


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".change")
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("before")
    (tmp_path / "gone").write_text("before")
    return tmp_path


def prepare(change: Change, root: Path) -> None:
    change.write(root / "a" / "old").write_text("after")
    change.write(root / "b" / "c" / "new").write_text("after")
    change.remove(root / "gone")


def test_change_is_made_when_the_block_ends(root: Path) -> None:
    with changing(root) as change:
        prepare(change, root)
        assert tree(root)["a/old"] == "before"
    assert tree(root) == {"a/old": "after", "b/c/new": "after"}
    assert not (root / ".change").exists()


def test_change_is_forgotten_when_the_block_raises(root: Path) -> None:
    before = tree(root)
    with pytest.raises(ZeroDivisionError), changing(root) as change:
        prepare(change, root)
        raise ZeroDivisionError
    assert tree(root) == before
    assert not (root / "b").exists()
    assert not (root / ".change").exists()


def test_target_that_is_left_stays_as_it_was(root: Path) -> None:
    with changing(root) as change:
        prepare(change, root)
        change.leave(root / "a" / "old")
    assert tree(root) == {"a/old": "before", "b/c/new": "after"}


def test_failure_while_renaming_brings_everything_back(root: Path) -> None:
    before = tree(root)
    (root / "blocked").write_text("a file where a folder is wanted")
    with pytest.raises(FinloopError) as caught, changing(root) as change:
        prepare(change, root)
        change.write(root / "blocked" / "new").write_text("after")
    assert caught.value.code == "disk_unavailable"
    assert caught.value.exit_status == Exit.UNAVAILABLE
    assert tree(root) == {**before, "blocked": "a file where a folder is wanted"}


KILLED = """
import os, sys
from pathlib import Path
from components.common import change

root, survived = Path(sys.argv[1]), int(sys.argv[2])
replace, renames = Path.replace, []

def replace_or_die(self, target):
    if len(renames) == survived:
        os._exit(9)
    renames.append(target)
    return replace(self, target)

with change.changing(root) as made:
    for name in ("a/old", "b/c/new", "d"):
        made.write(root / name).write_text("after")
    Path.replace = replace_or_die
"""


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_next_change_undoes_one_that_was_killed(root: Path, survived: int) -> None:
    before = tree(root)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(root), str(survived)], check=False)
    assert killed.returncode == 9
    assert (root / ".change" / "journal.json").exists()
    with changing(root) as change:
        change.write(root / "later").write_text("after")
    assert tree(root) == {**before, "later": "after"}


def test_undo_may_itself_be_cut_short_and_repeated(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(root)
    subprocess.run([sys.executable, "-c", KILLED, str(root), "2"], check=False)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        undo(root)
    monkeypatch.undo()
    undo(root)
    assert tree(root) == before


def test_root_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(FinloopError, match="cannot be written") as caught,
        changing(tmp_path / "file" / "home"),
    ):
        pass
    assert caught.value.code == "disk_unavailable"
