"""The tutorial runs from its first cell to its last, as somebody new would run it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial.ipynb"


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def tutorial() -> Any:
    return nbformat.read(TUTORIAL, as_version=4)


@pytest.mark.e2e
def test_from_own_data_to_a_served_model(tutorial: Any, tmp_path: Path) -> None:
    """A cell that fails raises; the last one says whether the decision was given again."""
    home = tmp_path / "home"
    client = NotebookClient(tutorial, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env={"FINLOOP_HOME": str(home)})
    approved, asked, replayed = (code_cells(tutorial)[place].outputs for place in (6, 8, 9))
    assert "champion" in shown(approved)
    assert "'version': '1'" in shown(asked)
    assert "'degraded': []" in shown(asked)
    assert shown(replayed) == "True"
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_it_has_ten_cells_and_shows_what_they_say(tutorial: Any) -> None:
    cells = code_cells(tutorial)
    assert len(cells) == 10
    assert [cell.execution_count for cell in cells] == list(range(1, 11))
    assert shown(cells[-1].outputs) == "True"


def test_it_tells_nothing_of_the_machine_it_ran_on(tutorial: Any) -> None:
    for cell in code_cells(tutorial):
        assert not re.search(r"(?<![\w.:/])/(?:home|root|tmp|work|Users)/", str(cell.outputs))


def shown(outputs: list[Any]) -> str:
    """The plain text of what a cell gave."""
    return "\n".join(one["data"]["text/plain"] for one in outputs if "data" in one)
