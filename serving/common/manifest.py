"""What is to be served: versions, digests, weights. One small file, replaced as a whole."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from components.common.errors import unavailable

FILE = "manifest.json"


@dataclass(frozen=True)
class Release:
    """One version of a production model, as verified files on this host."""

    version: str
    digest: str
    """Digest of the sealed files; also the name of their folder."""
    path: str
    candidate: str | None
    """Candidate version that it is a copy of."""


@dataclass(frozen=True)
class Deployment:
    """How the traffic of one model is divided."""

    champion: Release | None = None
    challenger: Release | None = None
    stage: str | None = None
    """Stage of the challenger."""
    share: float = 0.0
    """Share of the traffic that the challenger answers, 0 to 1."""
    salt: str = ""
    """Key of the arms; another one with every rollout."""


@dataclass(frozen=True)
class Manifest:
    """Every deployment of this host; `generation` grows with each change."""

    generation: int = 0
    models: dict[str, Deployment] = field(default_factory=dict)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in that folder; None where none was written yet.

    Raises `FinloopError("manifest_unreadable")` where the file is not one of ours.
    """
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        models = {name: _deployment(value) for name, value in content["models"].items()}
        return Manifest(int(content["generation"]), models)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise unavailable(
            "manifest_unreadable",
            f"The manifest {folder / FILE} cannot be read ({error}); "
            "remove it and sync writes it again.",
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest at once; a reader sees the old one or the new one, never a part."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{FILE}.{os.getpid()}"
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True)
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / FILE)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise unavailable(
            "manifest_not_written",
            f"The manifest cannot be written ({error}); free the disk of {folder}.",
        ) from error


def _deployment(value: dict[str, Any]) -> Deployment:
    releases = {
        arm: Release(**value[arm]) if value[arm] is not None else None
        for arm in ("champion", "challenger")
    }
    return Deployment(**{**value, **releases})
