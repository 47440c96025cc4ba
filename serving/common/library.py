"""What decisions were made by: versions from this host or the registry, rule sets, by digest."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.common.errors import bad_input, refused
from components.common.ledger import open_ledger
from components.common.registry import ModelVersion, Registry
from components.common.sealing import seal
from components.common.settings import Settings
from serving.common.manifest import Release
from serving.common.models import Model, load


class Library:
    """Loads models and rule sets for replay; each one once."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.serving / "models"
        self._registry = Registry(settings)
        self._settings = settings
        self._digests: dict[tuple[str, str], str] = {}
        """Of versions by (model, number), asked once."""
        self._loaded: dict[tuple[str, str], Model] = {}
        self._rules: dict[str, Mapping[str, Any]] = {}

    def by_digest(self, model: str, version: str, digest: str) -> Model:
        """The version whose sealed files have that digest.

        Raises `FinloopError("release_lost")` where neither this host nor the registry has it.
        """
        key = (model, digest)
        if key not in self._loaded:
            release = Release(version, digest, str(self._files(model, digest)), None)
            self._loaded[key] = load(model, release)
        return self._loaded[key]

    def by_version(self, model: str, version: str) -> Model:
        """A production version by its number; raises `FinloopError("unknown_version")`."""
        if (model, version) not in self._digests:
            found = self._registry.version(model, version)
            if found is None or found.digest is None:
                raise bad_input("unknown_version", f"There is no version {version!r} of {model}.")
            self._digests[model, version] = found.digest
        return self.by_digest(model, version, self._digests[model, version])

    def rules(self, domain: str, digest: str) -> Mapping[str, Any]:
        """The content of the rule set of that digest; raises `FinloopError("rules_lost")`."""
        if digest not in self._rules:
            with closing(open_ledger(self._settings)) as ledger:
                self._rules |= {one.key: one.body for one in ledger.events("rules", domain)}
        if digest not in self._rules:
            raise refused(
                "rules_lost", f"The ledger has no rule set of {domain} with the digest {digest}."
            )
        return self._rules[digest]

    def _files(self, model: str, digest: str) -> Path:
        kept = self._folder / digest
        if kept.is_dir() and seal(kept).digest == digest:
            return kept
        for version in self._registry.versions(model):
            if version.digest == digest and self._fetch(version, kept):
                return kept
        raise refused(
            "release_lost",
            f"Neither this host nor the registry has files of {model} with the digest {digest}.",
        )

    def _fetch(self, version: ModelVersion, target: Path) -> bool:
        """Put the files of a version in their place; False where they have another digest."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".fetch-", dir=self._folder) as scratch:
            files = self._registry.download(version.model, version.version, Path(scratch) / "files")
            if seal(files).digest != target.name:
                return False
            if target.exists():
                target.rename(Path(scratch) / "broken")
            files.rename(target)
        return True
