"""Every registered model as plain values: what waits, what runs, who said yes."""

from __future__ import annotations

from typing import Any

from components.common.domain import Domain, ModelSpec
from components.common.ledger import Ledger
from components.common.records import Event
from components.common.registry import CHALLENGER, CHAMPION, ModelVersion, Registry
from components.common.stages import Stage


def model_list(
    models: list[tuple[Domain, ModelSpec]], registry: Registry, ledger: Ledger
) -> list[dict[str, Any]]:
    """One JSON object per model: `candidates` and production `versions`, newest first.

    Gates, digests and approvers are the ledger's, stages and aliases the registry's.
    """
    return [_model(domain, spec, registry, ledger) for domain, spec in models]


def _model(domain: Domain, spec: ModelSpec, registry: Registry, ledger: Ledger) -> dict[str, Any]:
    versions = registry.versions(spec.name)
    aliases = registry.aliases(spec.name)
    evaluated = {event.key: event for event in ledger.events("candidate", spec.name)}
    approved = {event.key: event for event in ledger.events("approval", spec.name)}
    copies = {version.source: version.version for version in reversed(versions)}
    return {
        "model": spec.name,
        "domain": domain.name,
        "owner": spec.owner,
        "champion": aliases.get(CHAMPION),
        "challenger": aliases.get(CHALLENGER),
        "candidates": [
            _candidate(candidate, evaluated.get(candidate.version), copies.get(candidate.version))
            for candidate in reversed(registry.candidates(spec))
        ],
        "versions": [
            {
                **_version(version, approved.get(version.version)),
                "aliases": sorted(name for name, at in aliases.items() if at == version.version),
                "share": _share(version, versions, aliases),
            }
            for version in reversed(versions)
        ],
    }


def _candidate(
    candidate: ModelVersion, evaluated: Event | None, approved_as: str | None
) -> dict[str, Any]:
    body = evaluated.body if evaluated else {}
    verdict = body.get("verdict", {})
    return {
        "version": candidate.version,
        "gate": {True: "passed", False: "failed"}.get(verdict.get("ok"), "unknown"),
        "reasons": verdict.get("reasons", []),
        "metrics": body.get("metrics", {}),
        "digest": body.get("digest"),
        "author": evaluated.actor if evaluated else candidate.tags.get("author"),
        "created_at": candidate.created_at.isoformat(),
        "approved_as": approved_as,
    }


def _version(version: ModelVersion, approval: Event | None) -> dict[str, Any]:
    return {
        "version": version.version,
        "candidate": version.source,
        "stage": version.stage.value,
        "reasons": list(version.reasons),
        "since": version.since.isoformat() if version.since else None,
        "digest": approval.body["digest"] if approval else None,
        "approver": approval.actor if approval else None,
        "approved_at": approval.recorded_at.isoformat() if approval else None,
    }


def _share(
    version: ModelVersion, every: tuple[ModelVersion, ...], aliases: dict[str, str]
) -> float:
    """Share of traffic that a version answers now: the champion has what the challenger leaves."""
    challenger = next((v for v in every if v.version == aliases.get(CHALLENGER)), None)
    taken = challenger.stage.share if challenger and challenger.stage.challenging else 0.0
    if version.version == aliases.get(CHAMPION):
        return 1.0 - taken
    return taken if version is challenger and version.stage is not Stage.CHAMPION else 0.0
