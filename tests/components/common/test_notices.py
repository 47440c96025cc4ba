"""A notice is believed while its writer lives, and not a moment longer."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from components.common.notices import Board, Notice, read_notices

WEB = Notice("services", "http://127.0.0.1:3001", "http://127.0.0.1:3001/readyz", 7)


def test_a_notice_is_read_while_it_is_up(tmp_path: Path) -> None:
    board = Board()
    board.put_up(tmp_path / "running", WEB)
    assert read_notices(tmp_path / "running") == (WEB,)
    board.take_down()
    assert read_notices(tmp_path / "running") == ()
    assert list((tmp_path / "running").iterdir()) == []


def test_nothing_was_started_where_there_is_no_folder(tmp_path: Path) -> None:
    assert read_notices(tmp_path / "running") == ()


def test_two_owners_are_both_told(tmp_path: Path) -> None:
    first, second = Board(), Board()
    other = Notice("services", "http://127.0.0.1:3002", "http://127.0.0.1:3002/readyz", 8)
    first.put_up(tmp_path, WEB)
    second.put_up(tmp_path, other)
    assert read_notices(tmp_path) == (WEB, other)
    first.take_down()
    assert read_notices(tmp_path) == (other,)


def test_what_a_killed_owner_left_behind_deceives_nobody(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; "
        "from components.common.notices import Board, Notice; "
        "board = Board(); board.put_up(Path(sys.argv[1]), Notice('web', 'a', 'b', 1)); "
        "print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        assert [one.name for one in read_notices(tmp_path)] == ["web"]
        owner.send_signal(signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 1
    assert read_notices(tmp_path) == ()


def test_half_a_notice_is_passed_over(tmp_path: Path) -> None:
    board = Board()
    board.put_up(tmp_path, WEB)
    (tmp_path / "services-7.json").write_text("{")
    assert read_notices(tmp_path) == ()
    board.take_down()
