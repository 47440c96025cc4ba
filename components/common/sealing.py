"""Seal a folder: the digest of every file in it, and one digest over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Seal:
    """What a folder held when it was sealed."""

    digest: str
    """SHA-256 (hex) over every name and content; names the release."""
    files: dict[str, str]
    """Path inside the folder, with forward slashes → SHA-256 (hex) of its bytes."""


def seal(directory: Path) -> Seal:
    """The seal of every file under a folder. Times, owners and empty folders do not count."""
    return of_files(
        {path.relative_to(directory).as_posix(): _sha256(path) for path in _files(directory)}
    )


def of_files(files: Mapping[str, str]) -> Seal:
    """The seal of files whose digests are known."""
    ordered = dict(sorted(files.items()))
    lines = "".join(f"{digest}  {name}\n" for name, digest in ordered.items())
    return Seal(hashlib.sha256(lines.encode()).hexdigest(), ordered)


def check(directory: Path, sealed: Seal) -> tuple[str, ...]:
    """What differs between a folder and a seal, a sentence each; empty where nothing does."""
    found = seal(directory).files
    return (
        *(f"{name} is missing." for name in sealed.files if name not in found),
        *(f"{name} was added." for name in found if name not in sealed.files),
        *(
            f"{name} was changed."
            for name, digest in sealed.files.items()
            if found.get(name, digest) != digest
        ),
    )


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
