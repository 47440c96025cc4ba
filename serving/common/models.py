"""The models that answer: loaded and warmed off the hot path, swapped by one reference."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from components.common.artifact import Scorer
from components.common.errors import FinloopError, refused
from components.common.sealing import seal
from components.common.stages import Stage
from serving.common.arms import Arm, draw
from serving.common.manifest import FILE, Deployment, Manifest, Release, read_manifest

_log = logging.getLogger("finloop.serving")


@dataclass(frozen=True)
class Model:
    """A loaded version of a registered model."""

    name: str
    release: Release
    scorer: Scorer

    @cached_property
    def directory(self) -> Path:
        return Path(self.release.path)


_Known = dict[tuple[str, str], Model]
"""Models by name and digest."""


@dataclass(frozen=True)
class Fleet:
    """The versions of one registered model that answer now."""

    champion: Model | None = None
    challenger: Model | None = None
    stage: str | None = None
    share: float = 0.0
    salt: str = ""

    def arms(self, entity_id: str) -> list[tuple[Arm, Model]]:
        """The versions that may answer for an entity: the drawn arm first, then the other one.

        A challenger in shadow answers nobody, not even when the champion fails.
        """
        ready: dict[Arm, Model] = {}
        if self.champion is not None:
            ready["champion"] = self.champion
        if self.challenger is not None and self.share > 0:
            ready["challenger"] = self.challenger
        if len(ready) < 2:
            return list(ready.items())
        drawn = draw(entity_id, self.salt, self.share)
        return sorted(ready.items(), key=lambda arm: arm[0] != drawn)

    @property
    def shadow(self) -> Model | None:
        """The version that scores every request beside the champion."""
        return self.challenger if self.stage == Stage.SHADOW else None


@dataclass(frozen=True)
class Loaded:
    """Everything that answers now; a request reads it once."""

    generation: int = -1
    fleets: dict[str, Fleet] = field(default_factory=dict)


class Models:
    """Follows the manifest. `current` is replaced as a whole; `refresh` runs off the hot path."""

    def __init__(self, folder: Path, prepare: Callable[[Model], None] = lambda model: None) -> None:
        """`prepare` makes ready what else a domain needs of a new model; it may be slow."""
        self._folder = folder
        self._prepare = prepare
        self._seen: tuple[int, int] | None = None
        self.current = Loaded()

    def fleet(self, name: str) -> Fleet:
        """The versions of a model that answer now; empty where there are none."""
        return self.current.fleets.get(name, Fleet())

    @property
    def digests(self) -> set[str]:
        """The digests of every version that is loaded now."""
        fleets = self.current.fleets.values()
        members = (one for fleet in fleets for one in (fleet.champion, fleet.challenger))
        return {model.release.digest for model in members if model is not None}

    @property
    def ready(self) -> bool:
        """Whether a manifest was read; a model may still be missing."""
        return self.current.generation >= 0

    def refresh(self) -> bool:
        """Load what a changed manifest names, then swap; whether anything changed."""
        seen = self._stamp()
        if seen is None or seen == self._seen:
            return False
        manifest = read_manifest(self._folder)
        if manifest is None:
            return False
        self.current = self._load(manifest)
        self._seen = seen
        _log.info("serving generation %d of the manifest", manifest.generation)
        return True

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = (self._folder / FILE).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _load(self, manifest: Manifest) -> Loaded:
        known = {
            (model.name, model.release.digest): model
            for fleet in self.current.fleets.values()
            for model in (fleet.champion, fleet.challenger)
            if model is not None
        }
        fleets = {
            name: self._fleet(name, deployment, known)
            for name, deployment in manifest.models.items()
        }
        return Loaded(manifest.generation, fleets)

    def _fleet(self, name: str, deployment: Deployment, known: _Known) -> Fleet:
        return Fleet(
            champion=self._member(name, deployment.champion, known),
            challenger=self._member(name, deployment.challenger, known),
            stage=deployment.stage,
            share=deployment.share,
            salt=deployment.salt,
        )

    def _member(self, name: str, release: Release | None, known: _Known) -> Model | None:
        if release is None:
            return None
        loaded = known.get((name, release.digest))
        if loaded is not None:  # the same bytes may have a new version number
            return Model(name, release, loaded.scorer)
        try:
            model = load(name, release)
            self._prepare(model)
        except FinloopError as error:
            _log.error("%s %s does not serve: %s", name, release.version, error.message)
            return None
        return model


def load(name: str, release: Release) -> Model:
    """Load and warm one version.

    Raises `FinloopError` where its files are not those that were evaluated, or are no model.
    """
    if seal(Path(release.path)).digest != release.digest:
        raise refused(
            "release_changed",
            f"The files in {release.path} are not those that were evaluated; "
            "remove the folder and sync fetches them again.",
        )
    scorer = Scorer.load(Path(release.path))
    scorer.warm()
    return Model(name, release, scorer)
