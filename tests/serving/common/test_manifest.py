"""The manifest is read as it was written, whole or not at all."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from components.common.errors import FinloopError
from serving.common.manifest import (
    FILE,
    Deployment,
    Manifest,
    Release,
    read_manifest,
    write_manifest,
)

CHAMPION = Release("3", "c" * 64, "/models/c", "7")
CHALLENGER = Release("4", "d" * 64, "/models/d", "8")
MANIFEST = Manifest(
    5,
    {
        "fraud-xgboost": Deployment(CHAMPION, CHALLENGER, "canary-5", 0.05, "salt"),
        "other": Deployment(),
    },
)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    write_manifest(tmp_path / "serving", MANIFEST)
    assert read_manifest(tmp_path / "serving") == MANIFEST


def test_before_the_first_one_there_is_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"generation": 1}', '{"generation": 1, "models": {"m": {"champion": 3}}}'],
)
def test_a_file_that_is_no_manifest_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(FinloopError, match="cannot be read") as raised:
        read_manifest(tmp_path)
    assert raised.value.code == "manifest_unreadable"


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest(0))
    done = threading.Event()

    def write() -> None:
        for generation in range(1, 200):
            write_manifest(tmp_path, Manifest(generation, MANIFEST.models))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        found = read_manifest(tmp_path)
        assert found is not None
        seen.append(found.generation)
    writer.join()
    assert seen == sorted(seen)
    assert [path.name for path in tmp_path.iterdir()] == [FILE], "nothing is left behind"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    write_manifest(tmp_path, MANIFEST)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()  # in the way of the new file
    with pytest.raises(FinloopError, match="free the disk") as raised:
        write_manifest(tmp_path, MANIFEST)
    assert raised.value.code == "manifest_not_written"
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    write_manifest(tmp_path, MANIFEST)
    content = json.loads((tmp_path / FILE).read_text())
    assert content["models"]["fraud-xgboost"]["challenger"]["digest"] == CHALLENGER.digest
