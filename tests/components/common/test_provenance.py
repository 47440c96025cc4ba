"""The digest of our code changes with every edit, and with nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from components.common.provenance import ROOT, TRAINING_LAYERS, code_commit, code_digest


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for layer in TRAINING_LAYERS:
        (tmp_path / layer / "fraud").mkdir(parents=True)
        (tmp_path / layer / "fraud" / "model.py").write_text("x = 1\n")
    (tmp_path / "requirements.lock").write_text("numpy==2.4\n")
    return tmp_path


@pytest.mark.parametrize(
    "file", ["components/fraud/model.py", "feature_repo/fraud/model.py", "requirements.lock"]
)
def test_an_edit_changes_it(tree: Path, file: str) -> None:
    before = code_digest(tree)
    (tree / file).write_text("x = 2\n")
    assert code_digest(tree) != before


def test_a_new_name_changes_it(tree: Path) -> None:
    before = code_digest(tree)
    (tree / "components/fraud/model.py").rename(tree / "components/fraud/trees.py")
    assert code_digest(tree) != before


@pytest.mark.parametrize("file", ["serving/app.py", "components/fraud/notes.md", "README.md"])
def test_what_no_pipeline_runs_does_not(tree: Path, file: str) -> None:
    before = code_digest(tree)
    (tree / file).parent.mkdir(exist_ok=True)
    (tree / file).write_text("anything")
    assert code_digest(tree) == before


def test_our_own_code_has_one() -> None:
    assert code_digest() == code_digest(ROOT)
    assert len(code_digest()) == 64


def test_the_commit_says_whether_files_differ_from_it(tree: Path) -> None:
    assert code_commit(tree) == "unknown"
    for command in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "m"),
    ):
        subprocess.run(("git", "-C", str(tree), *command), check=True)
    commit = code_commit(tree)
    assert len(commit) == 40
    (tree / "components/fraud/model.py").write_text("x = 3\n")
    assert code_commit(tree) == f"{commit}-modified"
