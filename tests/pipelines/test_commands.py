"""`finloop run` and `finloop compile`, as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def finloop(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "finloop", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "FINLOOP_HOME": str(home)},
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "fraud"), "There is no pipeline named 'fraud'; choose one of: credit-scoring, "),
        (("run", "data", "--set", "colour=red"), "data has no argument named 'colour'"),
        (("run", "data", "--set", "source"), "--set takes NAME=VALUE, not 'source'"),
        (("compile", "nothing", "--out", "packages"), "There is no pipeline named 'nothing'"),
    ],
)
def test_bad_arguments_are_one_sentence_and_status_2(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = finloop(tmp_path / "home", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"finloop: {says}")
    assert done.stderr.count("\n") == 1


def test_a_missing_folder_is_the_sentence_of_the_step(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    done = finloop(tmp_path / "home", "run", "data", "--json", "--set", f"source={nowhere}")
    told = json.loads(done.stdout)
    assert done.returncode == 2
    assert (told["ok"], told["exit_status"]) == (False, 2)
    assert [(step["name"], step["ok"]) for step in told["steps"]] == [("ingest", False)]
    sentence = done.stderr.splitlines()[-1]
    assert str(nowhere) in sentence
    assert f"its log is {told['log']}" in sentence
    assert "Traceback" not in done.stderr
    assert "Traceback" in Path(told["log"]).read_text()
    assert not (tmp_path / "home" / "lake").exists()


def test_packages_are_where_they_were_asked_for(tmp_path: Path) -> None:
    done = finloop(tmp_path / "home", "compile", "data", "--out", str(tmp_path / "packages"))
    assert done.returncode == 0
    assert [path.name for path in (tmp_path / "packages").iterdir()] == ["data.yaml"]
    assert done.stdout.strip() == str(tmp_path / "packages" / "data.yaml")
