"""`finloop bench` finds what there is, speaks one shape, and says no in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import commands
from benchmarks.commands import benchmarks, measure
from benchmarks.report import Row
from components.common.errors import FinloopError
from finloop import app


class Measured:
    """Claims that two is more than one."""

    def run(self, data: Path | None, say: commands.Say) -> tuple[Row, ...]:
        say("measuring")
        return (Row("two", "value", 2.0, "count", peer=1.0), Row("alone", "value", 3.0, "count"))


@pytest.fixture
def with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "benchmarks", lambda: {"numbers": Measured()})


def test_every_benchmark_says_what_it_claims() -> None:
    found = benchmarks()
    assert "handbook" in found
    assert not {"commands", "report"} & set(found)
    assert all(module.__doc__ for module in found.values())


def test_an_unknown_name_is_one_clear_sentence() -> None:
    with pytest.raises(
        FinloopError, match=r"no benchmark named 'nothing'; choose one of: .*handbook"
    ):
        measure("nothing", None, print)


def test_a_missing_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="no folder"):
        measure("handbook", tmp_path / "nowhere", print)


def test_an_option_that_it_does_not_take_is_one_clear_sentence() -> None:
    with pytest.raises(FinloopError, match="handbook takes no --requests"):
        measure("handbook", None, print, {"requests": 5, "train": None})


def test_the_handbook_asks_for_its_data() -> None:
    with pytest.raises(FinloopError, match="--data"):
        measure("handbook", None, print)


@pytest.mark.usefixtures("with_one")
def test_json_is_one_object_of_the_agreed_shape() -> None:
    result = CliRunner().invoke(app, ["bench", "numbers", "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert list(report) == ["name", "seconds", "machine", "rows"]
    assert report["name"] == "numbers"
    assert "cores" in report["machine"]
    assert report["rows"] == [
        {"case": "two", "metric": "value", "value": 2.0, "unit": "count", "peer": 1.0},
        {"case": "alone", "metric": "value", "value": 3.0, "unit": "count", "peer": None},
    ]
    assert "measuring" in result.stderr


@pytest.mark.usefixtures("with_one")
def test_people_get_a_table() -> None:
    result = CliRunner().invoke(app, ["bench", "numbers"])
    assert result.exit_code == 0
    assert "two" in result.stdout and "peer" in result.stdout
