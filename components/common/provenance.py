"""What a result was made from: the digest of our code, and the commit it was taken from."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the layers."""
TRAINING_LAYERS = ("components", "feature_repo", "pipelines")
"""Layers whose code decides what a pipeline makes."""


def code_digest(root: Path = ROOT, layers: tuple[str, ...] = TRAINING_LAYERS) -> str:
    """SHA-256 over every source file of these layers and the lock of what they run on."""
    files = [path for layer in layers for path in (root / layer).rglob("*.py")]
    whole = hashlib.sha256()
    for path in sorted([*files, *root.glob("requirements.lock")]):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return whole.hexdigest()


def code_commit(root: Path = ROOT) -> str:
    """The git commit of our code, marked where files differ from it; "unknown" without git."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return "unknown"
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-modified" if changed else commit


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ("git", "-C", str(root), *arguments), capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
