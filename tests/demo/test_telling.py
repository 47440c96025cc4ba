"""The story remembers what happened, also when a chapter fails."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from components.common.errors import bad_input
from demo.telling import Teller


@pytest.fixture
def page() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def teller(page: io.StringIO) -> Teller:
    return Teller(Console(file=page, width=120))


def test_a_finished_story_is_ok_and_keeps_its_facts(teller: Teller, tmp_path: Path) -> None:
    with teller.chapter("train", "A model is trained") as chapter:
        chapter.facts["version"] = "1"
        chapter.summary = "candidate 1"
    teller.finish(tmp_path / "demo.json")
    report = json.loads((tmp_path / "demo.json").read_text())
    assert report["ok"] is True
    assert [(s["name"], s["ok"], s["version"]) for s in report["steps"]] == [("train", True, "1")]


def test_a_failed_chapter_is_told_with_its_sentence(teller: Teller, page: io.StringIO) -> None:
    with (
        pytest.raises(Exception, match="no such folder"),
        teller.chapter("ingest", "Data comes in"),
    ):
        raise bad_input("missing", "There is no such folder.")
    assert teller.report["ok"] is False
    assert teller.report["steps"][0]["summary"] == "There is no such folder."
    assert "failed" in page.getvalue()


def test_an_interrupted_chapter_says_so(teller: Teller, page: io.StringIO) -> None:
    with pytest.raises(KeyboardInterrupt), teller.chapter("drift", "The world changes"):
        raise KeyboardInterrupt
    assert teller.report["ok"] is False
    assert "Interrupted." in page.getvalue()


def test_a_story_without_chapters_is_not_ok(teller: Teller) -> None:
    assert teller.report["ok"] is False


def test_the_table_names_every_step(teller: Teller, page: io.StringIO, tmp_path: Path) -> None:
    for name in ("simulate", "data"):
        with teller.chapter(name, name) as chapter:
            chapter.summary = f"{name} went well"
    teller.finish(tmp_path / "demo.json")
    assert "simulate went well" in page.getvalue()
    assert "data went well" in page.getvalue()
