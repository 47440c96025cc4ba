"""Every way in which a command can fail ends with one sentence and a status of its own."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
import typer

import finloop
from components.common.errors import Exit, bad_input, in_words, refused, unavailable
from components.common.exits import explained


@pytest.mark.parametrize(
    ("error", "status"),
    [(bad_input, 2), (refused, 1), (unavailable, 3)],
)
def test_an_error_of_ours_says_its_own_sentence(error: type, status: int) -> None:
    assert explained(error("code", "Do this.")) == ("finloop: Do this.", status)


def test_what_the_system_refuses_is_named() -> None:
    said, status = explained(OSError(errno.ENOSPC, "No space left on device", "/data/x"))
    assert status == Exit.UNAVAILABLE
    assert said.startswith("finloop: /data/x cannot be used (No space left on device);")


def test_a_mistake_of_ours_keeps_its_trace_out_of_sight() -> None:
    with pytest.raises(ValueError, match="lost") as raised:
        int("lost")
    said, status = explained(raised.value)
    assert status == Exit.UNEXPECTED
    assert said.count("\n") == 0
    found = re.search(r"report it with (\S+\.txt)\.$", said)
    assert found is not None
    trace = Path(found[1])
    assert "test_exits.py" in trace.read_text()
    trace.unlink()


def test_a_group_without_a_command_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["finloop", "rollout"])
    with pytest.raises(SystemExit) as ended:
        finloop.main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "restore" in said.out + said.err
    assert "finloop:" not in said.err


@pytest.mark.parametrize(("raised", "status"), [(typer.Exit(1), 1), (KeyboardInterrupt(), 130)])
def test_other_ends_keep_their_status(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException, status: int
) -> None:
    def app(*, standalone_mode: bool) -> int:
        del standalone_mode
        command = typer.Typer(pretty_exceptions_enable=False)

        def fail() -> None:
            raise raised

        command.command()(fail)
        return command(args=[], standalone_mode=False)

    monkeypatch.setattr(finloop, "app", app)
    with pytest.raises(SystemExit) as ended:
        finloop.main()
    assert ended.value.code == status


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Input should be a valid integer, unable to parse string as an integer",
            "it must be a whole number",
        ),
        ("Input should be a valid datetime or date, input is too short", "it must be a date or a"),
        ("Value error, there is no time zone 'X'.", "there is no time zone 'X'"),
        (
            "List should have at least 1 item after validation, not 0",
            "it must have at least 1 item,",
        ),
    ],
)
def test_what_pydantic_says_is_said_in_words(said: str, words: str) -> None:
    assert in_words(said).startswith(words)
