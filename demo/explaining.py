"""Why was this declined? Asked over HTTP as an app does, and replayed as an auditor does."""

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


def explain_one(settings: Settings, ledger: Ledger, base: str, api_key: str) -> dict[str, Any]:
    """Explain the newest declined payment and replay it: its id, reasons, and the comparison.

    Raises `FinloopError` where nothing was declined or the replay differs.
    """
    declined = newest_declined(ledger)
    answer = _ask(f"{base}/v1/decisions/{declined.decision_id}", api_key)["answer"]
    replayed = replay(settings, declined.decision_id)
    return {
        "decision_id": declined.decision_id,
        "probability": answer["probability"],
        "reasons": answer["reasons"],
        "replay": replayed,
    }


def newest_declined(ledger: Ledger) -> Decision:
    """The decision written last that declined."""
    last = ledger.rows("SELECT max(seq) AS seq FROM decisions WHERE decision = 'DECLINE'")[0]["seq"]
    if last is None:
        raise unavailable("nothing_declined", "No payment was declined, so none can be explained.")
    return next(ledger.decisions("seq = ?", last))


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
