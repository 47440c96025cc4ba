"""`finloop simulate`: what it prints, what it writes, and how it says no."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import finloop
from components.common.contracts import FEEDBACK, TABLES
from demo.world import WorldConfig, simulate, write

MADE = set(TABLES) - {FEEDBACK.name}
"""Nobody has been shown anything yet."""
SMALL = ["--users", "50", "--merchants", "20", "--days", "10", "--seed", "3"]


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["finloop", "simulate", *arguments])
    with pytest.raises(SystemExit) as ended:
        finloop.main()
    return int(ended.value.code or 0)


def test_every_table_is_written_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*SMALL, "--start", "2025-03-01", "--drift-from", "2025-03-08", "--json"]
    assert _run(monkeypatch, *arguments, "--out", str(tmp_path / "made")) == 0
    report = json.loads(capsys.readouterr().out)
    written = {path.stem: pq.read_metadata(path).num_rows for path in tmp_path.glob("made/*")}
    assert report["rows"] == written
    assert set(written) == MADE
    assert report["fraud"]["contactless-relay"] > 0
    assert report["fraud_share"] == pytest.approx(
        sum(report["fraud"].values()) / written["transactions"], abs=1e-6
    )


def test_the_command_writes_what_the_function_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _run(monkeypatch, *SMALL, "--out", str(tmp_path / "command")) == 0
    config = WorldConfig(users=50, merchants=20, days=10, seed=3)
    for name, path in write(simulate(config).tables, tmp_path / "function").items():
        assert (tmp_path / "command" / f"{name}.parquet").read_bytes() == path.read_bytes()


def test_people_get_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, *SMALL, "--out", str(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in MADE)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (["--users", "3"], "users"),
        (["--days", "0"], "days"),
        (["--start", "yesterday"], "yesterday"),
        (["--drift-from", "2024-01-01"], "drift"),
    ],
)
def test_bad_arguments_are_one_sentence_and_status_2(
    wrong: list[str],
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _run(monkeypatch, *wrong, "--out", str(tmp_path / "out")) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert word in said.err
    assert said.err.count("\n") == 1
    assert said.err.endswith(".\n")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_status_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert _run(monkeypatch, *SMALL, "--out", str(tmp_path / "file" / "out")) == 3
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--data", ".", "--mapping", "nonsense"], "nonsense"),
    ],
)
def test_a_story_on_wrong_data_ends_in_a_sentence_before_anything_runs(
    wrong: list[str],
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FINLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["finloop", "demo", *wrong])
    with pytest.raises(SystemExit) as ended:
        finloop.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1
    report = json.loads((tmp_path / "home" / "demo.json").read_text())
    assert (report["ok"], [step["name"] for step in report["steps"]]) == (False, ["simulate"])
    assert not (tmp_path / "home" / "ledger.db").exists()
    assert not (tmp_path / "home" / "logs").exists()
