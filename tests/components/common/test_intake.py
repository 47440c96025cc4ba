"""What the data pipeline does with the lake, on real files and suites."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from components.common import lake
from components.common.errors import FinloopError
from components.common.intake import judge_lake, take_in
from components.common.settings import Settings
from components.common.verdict_file import read_verdict
from demo.world import WorldConfig, simulate, write


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company small enough to be read in a second."""
    folder = tmp_path_factory.mktemp("source")
    config = WorldConfig(users=30, merchants=12, days=20, start=date(2025, 1, 1))
    write(simulate(config).tables, folder)
    return folder


def test_it_reports_what_came_in_and_the_same_again_changes_nothing(
    source: Path, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    digests = [
        take_in(settings, str(source), "finloop", True, tmp_path / f"{n}.json") for n in (1, 2)
    ]
    assert digests == [lake.digest(settings.lake)] * 2
    (report,) = json.loads((tmp_path / "1.json").read_text())
    assert {table["table"] for table in report["tables"]} >= {"transactions", "outcomes"}
    (again,) = json.loads((tmp_path / "2.json").read_text())
    assert [table["files"] for table in again["tables"] if table["table"] == "transactions"] == [0]


def test_without_a_source_the_lake_is_as_it_was(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    digest = take_in(settings, "", "finloop", True, tmp_path / "report.json")
    assert digest == lake.digest(settings.lake)
    assert json.loads((tmp_path / "report.json").read_text()) == []


def test_the_lake_is_judged_and_the_docs_are_one_page(source: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    digest = take_in(settings, str(source), "finloop", False, tmp_path / "report.json")
    judge_lake(settings, digest, tmp_path / "verdict", tmp_path / "docs")
    verdict, page = read_verdict(tmp_path / "verdict"), (tmp_path / "docs").read_text()
    assert verdict.ok, verdict.reasons
    assert set(verdict.details) >= {"fraud.transactions", "fraud.outcomes"}
    for suite in verdict.details:
        assert f'href="#{suite}"' in page
        assert f'id="{suite}"' in page
    assert page.count("<iframe sandbox srcdoc=") == len(verdict.details)
    assert page.rstrip().endswith("</html>")


def test_a_verdict_is_about_the_lake_it_was_asked_about(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="The lake has changed"):
        judge_lake(Settings(home=tmp_path), "another", tmp_path / "verdict", tmp_path / "docs")
    assert not (tmp_path / "verdict").exists()
