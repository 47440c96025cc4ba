"""A seal names every byte of a folder and nothing else."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from components.common.sealing import check, of_files, seal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "model.bin").write_bytes(b"\x00\x01")
    (tmp_path / "sub" / "card.md").write_text("card")
    return tmp_path


def test_files_are_named_from_the_folder_with_their_sha256(folder: Path) -> None:
    assert seal(folder).files == {
        "model.bin": hashlib.sha256(b"\x00\x01").hexdigest(),
        "sub/card.md": hashlib.sha256(b"card").hexdigest(),
    }


def test_times_and_empty_folders_do_not_count(folder: Path) -> None:
    before = seal(folder)
    os.utime(folder / "model.bin", (1, 1))
    (folder / "empty").mkdir()
    assert seal(folder) == before


def test_a_copy_has_the_same_digest_and_a_renamed_file_another(folder: Path) -> None:
    before = seal(folder)
    assert of_files(dict(reversed(before.files.items()))) == before
    (folder / "model.bin").rename(folder / "other.bin")
    assert seal(folder).digest != before.digest


def test_every_difference_is_named(folder: Path) -> None:
    sealed = seal(folder)
    assert check(folder, sealed) == ()
    (folder / "model.bin").write_bytes(b"\x00\x02")
    (folder / "sub" / "card.md").unlink()
    (folder / "extra.py").write_text("")
    assert check(folder, sealed) == (
        "sub/card.md is missing.",
        "extra.py was added.",
        "model.bin was changed.",
    )


def test_an_empty_folder_differs_from_any_seal(folder: Path, tmp_path: Path) -> None:
    sealed = seal(folder)
    empty = tmp_path / "sub" / "empty"
    empty.mkdir()
    assert len(check(empty, sealed)) == 2
