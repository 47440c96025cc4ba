"""The only module that talks to the MLflow registry: candidates, versions, aliases, files."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.domain import ModelSpec, candidate_name
from components.common.errors import refused
from components.common.mlflow_store import STORE, absent, answered, open_client
from components.common.registration import RunFacts, describe_production, ensure_model, register
from components.common.settings import Settings
from components.common.stages import Stage

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

CHAMPION = "champion"
CHALLENGER = "challenger"
STAGE_TAG = "rollout"
REASONS_TAG = "rollout_reasons"
SINCE_TAG = "rollout_since"
_SETTLED_NS = 2_000_000_000

__all__ = ["ModelVersion", "Registry", "RunFacts"]


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model, as the registry has it now."""

    model: str
    version: str
    source: str | None
    """Version of the candidate model that it is a copy of; None where it is no such copy."""
    run_id: str | None
    stage: Stage
    """From a tag that whoever may write the model can set: only the ledger proves it."""
    reasons: tuple[str, ...]
    since: datetime | None
    """When it entered its stage."""
    tags: dict[str, str]
    created_at: datetime
    user: str | None
    """Who made it, where MLflow knows (its own stores do not)."""

    @property
    def digest(self) -> str | None:
        """The digest that its tags claim; the ledger's candidate event proves it."""
        return self.tags.get("digest")


class Registry:
    """The MLflow registry of one installation. Keeps one client; safe to share by threads.

    Every method raises `FinloopError("mlflow_unavailable")` where MLflow does not answer within
    seconds and `FinloopError("mlflow_forbidden")` where it does not allow what was asked.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's own client, made at first use (importing it costs seconds)."""
        return open_client(self.settings)

    @property
    def stamp(self) -> tuple[int, ...] | None:
        """Another one after every change of the embedded registry, without asking it.

        None where only asking tells: of a server, and while the last change is so young that
        another one may bear the same time.
        """
        if self.settings.mlflow_uri is not None:
            return None
        changed = []
        for name in (STORE, f"{STORE}-wal"):
            with suppress(FileNotFoundError):
                changed.append((self.settings.mlflow / name).stat().st_mtime_ns)
        settled = time.time_ns() - max(changed, default=0) > _SETTLED_NS
        return tuple(changed) if settled else None

    @answered
    def register_candidate(
        self, spec: ModelSpec, artifact: Path, *, run: RunFacts, actor: str
    ) -> ModelVersion:
        """Log a run with its model, register it as a candidate and seal it in the ledger.

        Every file of the artifact folder becomes part of the version, byte for byte. A failed
        gate does not stop it here: its verdict is recorded and it cannot be approved.
        """
        version = register(self.client, self.settings, spec, artifact, run=run, actor=actor)
        return _as_version(version)

    @answered
    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Every version of a registered model, oldest first; none where it does not exist."""
        if self._untouched or "'" in model:
            return ()
        found: list[MlflowVersion] = []
        token: str | None = None
        while token is None or token:
            page = self.client.search_model_versions(f"name = '{model}'", 1000, page_token=token)
            found.extend(page)
            token = page.token or ""
        return tuple(sorted(map(_as_version, found), key=lambda version: int(version.version)))

    def candidates(self, spec: ModelSpec) -> tuple[ModelVersion, ...]:
        """Every candidate of a model, oldest first."""
        return self.versions(spec.candidate)

    @answered
    def version(self, model: str, version: str) -> ModelVersion | None:
        """One version of a registered model; None where there is none."""
        if self._untouched or not version.isdecimal():
            return None
        try:
            return _as_version(self.client.get_model_version(model, version))
        except Exception as error:
            if absent(error):
                return None
            raise

    @answered
    def aliases(self, model: str) -> dict[str, str]:
        """Alias → version; empty where the model does not exist."""
        if self._untouched:
            return {}
        try:
            return {k: str(v) for k, v in self.client.get_registered_model(model).aliases.items()}
        except Exception as error:
            if absent(error):
                return {}
            raise

    def champion(self, model: str) -> ModelVersion | None:
        """The version that the alias `champion` names."""
        return self._aliased(model, CHAMPION)

    def challenger(self, model: str) -> ModelVersion | None:
        """The version that the alias `challenger` names."""
        return self._aliased(model, CHALLENGER)

    @answered
    def set_stage(self, model: str, version: str, stage: Stage, reasons: Sequence[str]) -> None:
        """Write the stage of a version. Only the rollout controller calls this."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        reasons_json = json.dumps(list(reasons), ensure_ascii=False)
        for key, value in ((REASONS_TAG, reasons_json), (SINCE_TAG, now), (STAGE_TAG, stage.value)):
            self.client.set_model_version_tag(model, version, key, value)

    @answered
    def set_champion(self, model: str, version: str) -> None:
        """Point the alias `champion` at a version."""
        self.client.set_registered_model_alias(model, CHAMPION, version)

    @answered
    def set_challenger(self, model: str, version: str) -> None:
        """Point the alias `challenger` at a version."""
        self.client.set_registered_model_alias(model, CHALLENGER, version)

    @answered
    def clear_challenger(self, model: str) -> None:
        """Remove the alias `challenger`."""
        self.client.delete_registered_model_alias(model, CHALLENGER)

    @answered
    def clear_champion(self, model: str) -> None:
        """Remove the alias `champion`."""
        self.client.delete_registered_model_alias(model, CHAMPION)

    @answered
    def promote(self, spec: ModelSpec, candidate: ModelVersion) -> ModelVersion:
        """Copy a candidate to the production model: the request that Promote model sends."""
        ensure_model(self.client, spec.name, describe_production(spec))
        tags = {k: v for k, v in candidate.tags.items() if not k.startswith(STAGE_TAG)}
        return _as_version(
            self.client.create_model_version(
                name=spec.name,
                source=f"models:/{candidate.model}/{candidate.version}",
                run_id=candidate.run_id,
                tags=tags,
            )
        )

    @answered
    def withdraw(self, version: ModelVersion) -> None:
        """Delete a version that was made a moment ago and could not be completed."""
        self.client.delete_model_version(version.model, version.version)

    @answered
    def download(self, model: str, version: str, into: Path) -> Path:
        """Put every file of a version into a folder, which is made; verifies nothing.

        Raises `FinloopError("files_missing")` where the store has lost them.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        address = self.settings.mlflow_address
        source = self.client.get_model_version_download_uri(model, version)
        into.mkdir(parents=True, exist_ok=True)
        try:
            get_artifact_repository(source, address, address).download_artifacts("", str(into))
        except Exception as error:
            if not (absent(error) or isinstance(error, FileNotFoundError)):
                raise
        if not any(into.iterdir()):  # MLflow's local store copies a lost folder without complaint
            raise refused(
                "files_missing",
                f"The files of {model} version {version} are gone from {source}; restore them.",
            )
        return into

    def salt(self, model: str) -> str:
        """What the arms of the current rollout are drawn with.

        The same on every replica while a rollout lasts, and another one in the next, so that the
        same people are not always the first to meet a new version.
        """
        version = self.challenger(model) or self.champion(model)
        named = "" if version is None else f"{version.version}/{version.created_at.isoformat()}"
        return hashlib.sha256(f"{model}/{named}".encode()).hexdigest()[:16]

    @property
    def _untouched(self) -> bool:
        """Whether the embedded store was never made: then it holds nothing, and reading is free."""
        embedded = self.settings.mlflow_uri is None
        return embedded and not (self.settings.mlflow / STORE).exists()

    def _aliased(self, model: str, alias: str) -> ModelVersion | None:
        version = self.aliases(model).get(alias)
        return None if version is None else self.version(model, version)


def _as_version(found: MlflowVersion) -> ModelVersion:
    tags = dict(found.tags)
    return ModelVersion(
        model=found.name,
        version=str(found.version),
        source=_candidate_of(found.name, found.source or ""),
        run_id=found.run_id or None,
        stage=_stage(tags.get(STAGE_TAG)),
        reasons=tuple(json.loads(tags.get(REASONS_TAG, "[]"))),
        since=datetime.fromisoformat(tags[SINCE_TAG]) if SINCE_TAG in tags else None,
        tags=tags,
        created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        user=found.user_id or None,
    )


def _candidate_of(model: str, source: str) -> str | None:
    """The candidate version that a source like `models:/NAME-candidate/7` names."""
    match = re.fullmatch(rf"models:/{re.escape(candidate_name(model))}/([1-9][0-9]*)", source)
    return match and match[1]


def _stage(tag: str | None) -> Stage:
    """The stage of a tag; a version with none, or with one that is no stage, waits."""
    return Stage(tag) if tag in tuple(Stage) else Stage.WAITING
