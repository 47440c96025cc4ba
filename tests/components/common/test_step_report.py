"""A step that fails says why in one line that is found again."""

from __future__ import annotations

import pytest

from components.common.errors import FinloopError, bad_input, unavailable
from components.common.step_report import Failure, find_failure, reported


def told(capsys: pytest.CaptureFixture[str]) -> list[Failure]:
    lines = capsys.readouterr().out.splitlines()
    return [failure for line in lines if (failure := find_failure(line))]


def test_an_error_of_ours_keeps_its_sentence_and_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(FinloopError), reported():
        raise unavailable("mlflow_unavailable", "MLflow is down;\nstart “it”.")
    assert told(capsys) == [Failure("mlflow_unavailable", "MLflow is down;\nstart “it”.", 3)]


def test_any_other_error_is_named_by_its_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), reported():
        raise ZeroDivisionError("by zero\nin the middle")
    assert told(capsys) == [Failure("step_failed", "ZeroDivisionError: by zero", 70)]


def test_what_goes_well_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with reported():
        pass
    assert told(capsys) == []


def test_the_line_is_found_behind_what_a_runner_puts_before_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(FinloopError), reported():
        raise bad_input("no_file", "There is no file.")
    line = next(line for line in capsys.readouterr().out.splitlines() if line)
    assert find_failure(f"    {line}") == Failure("no_file", "There is no file.", 2)
    assert find_failure("finished with status FAILURE") is None
