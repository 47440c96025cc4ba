"""What runs, what is stale, and what waits for a human. Needs neither MLflow nor the services."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from components.common.domain import Domain, ModelSpec
from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.notices import read_notices
from components.common.processes import answers
from components.common.settings import Settings
from components.common.stages import Stage
from monitoring.click_through import click_through
from monitoring.release import waits_in_shadow
from monitoring.rollout_state import RolloutState, Standing, read_state

_PROCESSES = ("evidently", "services")
"""What answers only after somebody started it."""
STALE = timedelta(days=2)
"""Age from which data that is refreshed every day is stale."""


def status(domains: Iterable[Domain], settings: Settings, ledger: Ledger) -> dict[str, Any]:
    """The state of an installation as one JSON object: runs, data, models, waits."""
    now = datetime.now(UTC)
    manifest = _manifest(settings.serving / "manifest.json")
    specs = [(domain, spec) for domain in domains for spec in domain.models]
    return {
        "runs": _runs(settings),
        "data": _data(settings, now),
        "models": [_model(domain, spec, ledger, manifest, now) for domain, spec in specs],
        "waits": [
            wait
            for _, spec in specs
            for wait in (
                *waiting_candidates(spec, ledger),
                *waiting_in_shadow(spec, ledger, settings),
            )
        ],
    }


def waiting_candidates(spec: ModelSpec, ledger: Ledger) -> list[dict[str, Any]]:
    """Candidates with a passed gate that nobody approved, newer than the newest approved one."""
    approvals = ledger.events("approval", spec.name)
    approved = [int(event.body["candidate"]) for event in approvals if event.body.get("candidate")]
    return [
        {
            "model": spec.name,
            "what": f"candidate {event.key}",
            "candidate": event.key,
            "author": event.actor,
            "since": event.recorded_at.isoformat(),
            "do": f"finloop approve {spec.name} {event.key} --by NAME",
        }
        for event in ledger.events("candidate", spec.name)
        if event.body["verdict"]["ok"] and int(event.key) > max(approved, default=0)
    ]


def waiting_in_shadow(spec: ModelSpec, ledger: Ledger, settings: Settings) -> list[dict[str, Any]]:
    """The version that stays in shadow until a person releases it, where there is one."""
    standing = read_state(ledger, spec.name).challenger
    if standing is None or not waits_in_shadow(spec, standing, ledger, settings):
        return []
    return [
        {
            "model": spec.name,
            "what": f"version {standing.version} in shadow",
            "version": standing.version,
            "since": standing.since.isoformat(),
            "do": f"finloop rollout release {spec.name} --by NAME",
        }
    ]


def describe(state: RolloutState) -> dict[str, Any]:
    """A rollout as JSON: champion, challenger, share, and what waits or was refused."""
    challenger = state.challenger
    return {
        "champion": _standing(state.champion),
        "challenger": _standing(challenger),
        "share": challenger.stage.share if challenger else 0.0,
        "waiting": [one.version for one in state.waiting],
        "refused": [_standing(one) for one in _in(state, Stage.REFUSED)],
        "rolled_back": [_standing(one) for one in _in(state, Stage.ROLLED_BACK)],
    }


def _in(state: RolloutState, stage: Stage) -> list[Standing]:
    return [one for one in state.standings.values() if one.stage is stage]


def _standing(one: Standing | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "version": one.version,
        "stage": one.stage.value,
        "since": one.since.isoformat(),
        "reasons": list(one.reasons),
    }


def _runs(settings: Settings) -> list[dict[str, Any]]:
    """What was started for this installation and where it answers; MLflow is there without."""
    notices = read_notices(settings.running)
    started = [
        {"name": one.name, "address": one.address, "ok": answers(one.health)} for one in notices
    ]
    known = {one.name for one in notices}
    registry = [_registry(settings)] if "mlflow" not in known or settings.mlflow_uri else []
    absent = [
        {"name": name, "address": None, "ok": False} for name in _PROCESSES if name not in known
    ]
    return [*registry, *started, *absent]


def _registry(settings: Settings) -> dict[str, Any]:
    """The registry that commands use: a server of one's own, or the embedded store's file."""
    address = settings.mlflow_uri
    if address is None or not address.startswith("http"):
        path = settings.mlflow / "mlflow.db"
        return {"name": "mlflow", "address": address or f"sqlite:///{path}", "ok": path.exists()}
    url = f"{address.rstrip('/')}/health"
    return {"name": "mlflow", "address": address, "ok": answers(url)}


def _data(settings: Settings, now: datetime) -> list[dict[str, Any]]:
    folders = {"lake": settings.lake, "features": settings.feature_tables}
    return [
        {
            "name": name,
            "written": written.isoformat() if written else None,
            "stale": written is None or now - written > STALE,
        }
        for name, path in folders.items()
        for written in [_newest(path)]
    ]


def _newest(path: Path) -> datetime | None:
    files = path.rglob("*.parquet") if path.is_dir() else (path,) if path.exists() else ()
    newest = max((file.stat().st_mtime for file in files), default=None)
    return None if newest is None else datetime.fromtimestamp(newest, UTC)


def _model(
    domain: Domain, spec: ModelSpec, ledger: Ledger, manifest: dict[str, Any], now: datetime
) -> dict[str, Any]:
    state = read_state(ledger, spec.name)
    drift, retrains = ledger.events("drift", spec.name), ledger.events("retrain", spec.name)
    return {
        "model": spec.name,
        "domain": domain.name,
        **describe(state),
        "served": _served(spec.name, state, manifest),
        "drift": {"key": drift[-1].key, **_verdict(drift[-1].body)} if drift else None,
        "retrain": retrains[-1].key if retrains else None,
        "click_through": _click_through(domain, spec, ledger, now),
    }


def _click_through(
    domain: Domain, spec: ModelSpec, ledger: Ledger, now: datetime
) -> list[dict[str, Any]]:
    """What was seen and followed, by version and arm; empty where nothing is shown."""
    if not ledger.rows("SELECT 1 FROM feedback WHERE domain = ? LIMIT 1", domain.name):
        return []
    found = click_through(ledger, domain.name, spec.name, now)
    return [{**one.as_json(), "sentence": one.sentence} for one in found if one.shown]


def _verdict(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("until", "violated", "reasons")}


def _served(model: str, state: RolloutState, manifest: dict[str, Any]) -> dict[str, Any]:
    """What this host serves by its manifest, and whether that is what the ledger says."""
    entry = manifest.get("models", {}).get(model) or {}
    found = {arm: (entry.get(arm) or {}).get("version") for arm in ("champion", "challenger")}
    wanted = {
        "champion": state.champion.version if state.champion else None,
        "challenger": state.challenger.version if state.challenger else None,
    }
    written = manifest.get("written")
    return {**found, "manifest_written": written, "behind": bool(manifest) and found != wanted}


def _manifest(path: Path) -> dict[str, Any]:
    """The manifest of this host; empty where nothing was served yet."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise FinloopError("manifest_unreadable", f"{path} cannot be read: {error}.") from error
    written = _newest(path)
    return {**content, "written": written.isoformat() if written else None}
