"""From registry state to verified local files and one manifest that the services follow."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from components.common.approval import admissible
from components.common.domain import ModelSpec
from components.common.errors import FinloopError, unavailable
from components.common.ledger import Ledger, open_ledger
from components.common.records import Event
from components.common.registry import ModelVersion, Registry
from components.common.sealing import seal
from components.common.settings import Settings
from serving.common.manifest import (
    Deployment,
    Manifest,
    Release,
    read_manifest,
    write_manifest,
)
from serving.common.proving import unproven

_log = logging.getLogger("finloop.sync")


@dataclass(frozen=True)
class _State:
    """What the registry says of one model now."""

    champion: ModelVersion | None
    challenger: ModelVersion | None


class Sync:
    """Turns what the registry says into what the services of this host serve."""

    def __init__(self, settings: Settings, models: Iterable[ModelSpec]) -> None:
        self._registry = Registry(settings)
        self._settings = settings
        self._models = tuple(models)
        self._folder = settings.serving
        self._seen: dict[str, _State] = {}
        self._stamp: tuple[int, ...] | None = None
        self._refused: set[tuple[str, str, datetime]] = set()

    def step(self) -> bool:
        """Look once; whether the manifest changed.

        Raises `FinloopError` where MLflow does not answer; the manifest stays as it is then.
        """
        stamp = self._registry.stamp  # before asking: what changes meanwhile is asked about again
        if stamp is not None and stamp == self._stamp:
            return False
        states = {spec.name: self._state(spec.name) for spec in self._models}
        if states == self._seen:
            self._stamp = stamp
            return False
        before = _last_manifest(self._folder)
        models = {
            spec.name: self._deployment(spec, states[spec.name], before.models.get(spec.name))
            for spec in self._models
        }
        changed = before.generation == 0 or models != before.models
        if changed:
            write_manifest(self._folder, Manifest(before.generation + 1, models))
            _log.info("manifest generation %d written", before.generation + 1)
        self._seen, self._stamp = states, stamp
        return changed

    def _state(self, model: str) -> _State:
        aliases = self._registry.aliases(model)
        if not aliases:
            self._not_another_registry(model)
        found = {
            name: self._registry.version(model, aliases[name]) if name in aliases else None
            for name in ("champion", "challenger")
        }
        return _State(**found)

    def _not_another_registry(self, model: str) -> None:
        """Refuse to follow a registry that never heard of a model that serves here."""
        serving = model in (known := _last_manifest(self._folder).models) and known[model].champion
        if serving and not self._registry.versions(model):
            raise unavailable(
                "registry_is_another",
                f"The registry {self._settings.mlflow_address} does not know {model}, which serves "
                "here; point FINLOOP_MLFLOW_URI at the right one, or remove the manifest.",
            )

    def _deployment(self, spec: ModelSpec, state: _State, before: Deployment | None) -> Deployment:
        champion = self._release(spec, state.champion) if state.champion else None
        if champion is None and state.champion is not None and before is not None:
            champion = before.champion  # refused: what served until now goes on serving
        wanted = state.challenger
        if wanted is None or not wanted.stage.challenging:
            return Deployment(champion=champion)
        challenger = self._release(spec, wanted)
        if challenger is None:
            return Deployment(champion=champion)
        return Deployment(
            champion,
            challenger,
            stage=wanted.stage.value,
            share=wanted.stage.share,
            salt=self._registry.salt(spec.name),
        )

    def _release(self, spec: ModelSpec, version: ModelVersion) -> Release | None:
        """The verified local files of a version; None, and an entry in the ledger, if refused."""
        if (spec.name, version.version, version.created_at) in self._refused:
            return None
        folder = self._folder / "models"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with closing(open_ledger(self._settings)) as ledger:
                return self._verified(spec, version, folder, ledger)
        except OSError as error:
            raise unavailable(
                "release_not_stored",
                f"The files of {spec.name} {version.version} cannot be written ({error}); "
                f"free the disk of {folder}.",
            ) from error

    def _verified(
        self, spec: ModelSpec, version: ModelVersion, folder: Path, ledger: Ledger
    ) -> Release | None:
        with TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            files = _kept_before(spec, version, folder, ledger) or self._download(
                spec, version, Path(scratch) / "files"
            )
            verdict = admissible(spec, version.version, self._registry, ledger, files=files)
            reasons = verdict.reasons if not verdict.ok else unproven(files)
            if reasons:
                self._refuse(spec, version, seal(files).digest, reasons, ledger)
                return None
            digest = str(verdict.details["digest"])
            return Release(
                version.version, digest, str(_keep(files, folder, digest)), version.source
            )

    def _download(self, spec: ModelSpec, version: ModelVersion, into: Path) -> Path:
        into.mkdir()
        try:
            return self._registry.download(spec.name, version.version, into)
        except FinloopError as error:
            if error.code != "files_missing":
                raise
            return into  # an empty folder is refused as such

    def _refuse(
        self,
        spec: ModelSpec,
        version: ModelVersion,
        digest: str,
        reasons: tuple[str, ...],
        ledger: Ledger,
    ) -> None:
        self._refused.add((spec.name, version.version, version.created_at))
        ledger.append(
            [
                Event(
                    kind="refusal",
                    model=spec.name,
                    key=f"{version.version}:{digest}",
                    actor="sync",
                    recorded_at=datetime.now(UTC),
                    version=version.version,
                    body={"digest": digest, "reasons": list(reasons)},
                )
            ]
        )
        _log.error("%s %s is refused: %s", spec.name, version.version, " ".join(reasons))


def _kept_before(
    spec: ModelSpec, version: ModelVersion, folder: Path, ledger: Ledger
) -> Path | None:
    """Where the files that were evaluated lie already, whole; None where they do not."""
    events = ledger.events("candidate", spec.name)
    digest = next((event.body["digest"] for event in events if event.key == version.source), None)
    kept = folder / digest if digest else None
    return kept if kept is not None and kept.is_dir() and seal(kept).digest == digest else None


def _keep(files: Path, folder: Path, digest: str) -> Path:
    """Put verified files in their place at once, instead of any that are not whole."""
    target = folder / digest
    if files != target:
        if target.exists():
            target.rename(files.with_name("broken"))
        files.rename(target)
    return target


def _last_manifest(folder: Path) -> Manifest:
    try:
        return read_manifest(folder) or Manifest()
    except FinloopError as error:
        _log.error("%s", error.message)
        return Manifest()
