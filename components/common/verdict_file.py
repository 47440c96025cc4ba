"""A verdict as an artifact between steps: one step judges, another one acts on it."""

from __future__ import annotations

import json
from pathlib import Path

from components.common.errors import refused
from components.common.verdict import Verdict


def write_verdict(verdict: Verdict, path: Path) -> None:
    """Write a verdict as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(verdict.as_json(), indent=1, ensure_ascii=False) + "\n")


def read_verdict(path: Path) -> Verdict:
    """The verdict that `write_verdict` wrote."""
    told = json.loads(path.read_text())
    return Verdict(told["ok"], tuple(told["reasons"]), told["details"])


def require_yes(path: Path) -> None:
    """Raise the reasons of a verdict that is no, as `FinloopError("verdict_no")`."""
    verdict = read_verdict(path)
    if not verdict.ok:
        raise refused("verdict_no", " ".join(verdict.reasons))
