"""A verdict goes from one step to the next unchanged, and no means stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.common.errors import Exit, FinloopError
from components.common.verdict import Verdict
from components.common.verdict_file import read_verdict, require_yes, write_verdict

NO = Verdict(False, ("AUC is low.", "Too few – rows."), {"auc": {"value": 0.6}})


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    write_verdict(NO, tmp_path / "deep" / "verdict")
    assert read_verdict(tmp_path / "deep" / "verdict") == NO


def test_no_stops_with_every_reason(tmp_path: Path) -> None:
    write_verdict(NO, tmp_path / "verdict")
    with pytest.raises(FinloopError, match=r"AUC is low\. Too few – rows\.") as caught:
        require_yes(tmp_path / "verdict")
    assert caught.value.exit_status is Exit.REFUSED


def test_yes_goes_on(tmp_path: Path) -> None:
    write_verdict(Verdict(True, ("Noticed something.",)), tmp_path / "verdict")
    require_yes(tmp_path / "verdict")
