"""Why was this stopped? Asked over HTTP as an app does, and replayed as an auditor does."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import Any

from components.common.environment import as_environment
from components.common.errors import unavailable
from components.common.ledger import Ledger
from components.common.records import Decision
from components.common.settings import Settings
from components.fraud import DOMAIN


def explain_one(settings: Settings, ledger: Ledger, base: str, api_key: str) -> dict[str, Any]:
    """Explain a stopped payment and replay it: its id, reasons, and the comparison.

    Raises `FinloopError` where nothing was stopped or the replay differs.
    """
    stopped = newest_stopped(ledger)
    answer = _ask(f"{base}/v1/decisions/{stopped.decision_id}", api_key)["answer"]
    replayed = replay(settings, stopped.decision_id)
    return {
        "decision_id": stopped.decision_id,
        "decision": stopped.decision,
        "probability": answer["probability"],
        "reasons": answer["reasons"],
        "replay": replayed,
    }


def newest_stopped(ledger: Ledger) -> Decision:
    """The payment that was declined last.

    Payments of one's own may hold nothing that is worth declining: then the last one that was sent
    to review.
    """
    found = ledger.rows(
        "SELECT seq FROM decisions WHERE domain = ? AND decision IN ('DECLINE', 'REVIEW') "
        "ORDER BY decision = 'DECLINE' DESC, seq DESC LIMIT 1",
        DOMAIN.name,
    )
    if not found:
        raise unavailable("nothing_stopped", "No payment was stopped, so none can be explained.")
    return next(ledger.decisions("seq = ?", found[0]["seq"]))


def replay(settings: Settings, decision_id: str) -> Any:
    """What `finloop decisions replay` says of a decision; raises where the bytes differ."""
    command = (sys.executable, "-m", "finloop", "decisions", "replay", decision_id, "--json")
    done = subprocess.run(
        command, env=_environment(settings), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise unavailable("replay_differs", done.stderr.strip() or done.stdout.strip())
    return json.loads(done.stdout)


def _ask(address: str, api_key: str) -> dict[str, Any]:
    request = urllib.request.Request(address, headers={"X-API-Key": api_key})  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return json.loads(response.read())


def _environment(settings: Settings) -> dict[str, str]:
    import os

    return {**os.environ, **as_environment(settings)}
