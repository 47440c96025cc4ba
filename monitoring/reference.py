"""The champion's training sample: what it was trained on, sealed with it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.domain import ModelSpec
from components.common.errors import refused
from components.common.ledger import Ledger
from components.common.registry import Registry
from components.common.sealing import Seal, check
from components.common.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

FILE = "reference.parquet"


def reference_of(spec: ModelSpec, version: str, settings: Settings, ledger: Ledger) -> pd.DataFrame:
    """Model inputs and `score` of at most 5,000 training rows of a production version.

    Downloaded once, checked against the seal in the ledger, and kept: monitoring goes on while
    MLflow is down. Raises `FinloopError("reference_altered")` where the files are not the sealed
    ones, `FinloopError("no_reference")` where the version has no sample.
    """
    import pandas as pd

    path = settings.home / "monitoring" / spec.name / f"v{version}" / FILE
    if not path.exists():
        _fetch(spec, version, Registry(settings), ledger, path)
    return pd.read_parquet(path).astype(float)


def _fetch(spec: ModelSpec, version: str, registry: Registry, ledger: Ledger, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        folder = registry.download(spec.name, version, Path(scratch) / "files")
        differences = check(folder, _sealed(spec, version, registry, ledger))
        if differences:
            raise refused(
                "reference_altered",
                f"Version {version} of {spec.name} is not what was evaluated: {differences[0]} "
                "Roll it back or restore its files.",
            )
        found = sorted(folder.rglob(FILE))
        if not found:
            raise refused(
                "no_reference",
                f"Version {version} of {spec.name} holds no {FILE}; train it anew to watch drift.",
            )
        shutil.move(found[0], path)


def _sealed(spec: ModelSpec, version: str, registry: Registry, ledger: Ledger) -> Seal:
    production = registry.version(spec.name, version)
    source = production.source if production else None
    for event in ledger.events("candidate", spec.name):
        if event.version == source:
            return Seal(event.body["digest"], event.body["files"])
    raise refused(
        "no_seal",
        f"The ledger holds no evaluation of version {version} of {spec.name}, so its training "
        "sample cannot be trusted.",
    )
