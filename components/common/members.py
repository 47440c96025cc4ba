"""What other models said of labelled events, before they had learnt from them.

A model whose inputs are the probabilities of others (`ModelSpec.members`) must be fitted on what
those say of the unknown. So each of them keeps what it said of its calibration rows before it
learnt from these too, and may be asked about every later row.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components import find_model
from components.common.artifact import Scorer, Scores, matrix
from components.common.domain import ModelSpec
from components.common.errors import refused
from components.common.evidence import read_metrics
from components.common.frame import Frame, read_frame, write_frame
from components.common.ledger import Ledger, open_ledger
from components.common.registry import Registry
from components.common.sealing import seal
from components.common.settings import Settings
from components.common.training_data import CALIBRATION, SPLIT, TEST

if TYPE_CHECKING:
    import pandas as pd

HELD_OUT = "held_out.parquet"
"""In the folder of an artifact: what it said of its calibration rows before it learnt from them."""
STANDING = "members.json"
"""In the folder of a frame: which version of each member was asked."""
_SAID = "said"


@dataclass(frozen=True)
class Standing:
    """The version of a member that is asked."""

    model: str
    """Registered model: the one in production, or its candidates where none is there yet."""
    version: str
    digest: str


def write_held_out(folder: Path, key: pd.Series, said: Scores) -> None:
    """Write held_out.parquet: the key of each calibration row, and the probability [n]."""
    import pandas as pd

    frame = pd.DataFrame({str(key.name): key.to_numpy(), _SAID: said})
    frame.to_parquet(folder / HELD_OUT, index=False)


def standing_members(settings: Settings, model: str) -> str:
    """Which version of each member of a model stands now, as JSON: the champion, or the newest
    candidate that passed its gates where nothing is in production yet.

    Raises `FinloopError("no_member")` where a member has no version at all.
    """
    registry, names = Registry(settings), find_model(model)[1].members
    with closing(open_ledger(settings)) as ledger:
        found = {name: _standing(registry, find_model(name)[1], ledger) for name in names}
    return json.dumps({name: asdict(standing) for name, standing in found.items()})


def _standing(registry: Registry, spec: ModelSpec, ledger: Ledger) -> Standing:
    evaluated = {event.key: event for event in ledger.events("candidate", spec.name)}
    passed = [
        found
        for found in registry.candidates(spec)
        if found.version in evaluated and evaluated[found.version].body["verdict"]["ok"]
    ]
    found = registry.champion(spec.name) or (passed[-1] if passed else None)
    event = evaluated.get(found.source or found.version) if found is not None else None
    if found is None or event is None:
        raise refused(
            "no_member", f"{spec.name} has no version yet; `finloop run {spec.name}` makes one."
        )
    return Standing(found.model, found.version, event.body["digest"])


def ask_members(settings: Settings, model: str, standing: str, frame: Path, into: Path) -> None:
    """Write the calibration and test rows of a frame with what each member says of them.

    standing: what `standing_members` said. Rows that a member has learnt from, and of which it
    does not remember what it said before, are left out. Raises `FinloopError`:
    `member_changed` where files are not those of the digest, `members_know_everything` where a
    split has no row left.
    """
    domain, spec = find_model(model)
    key = import_module(f"components.{domain.name}.training").LABELLED.key
    rows, registry = read_frame(frame), Registry(settings)
    asked = rows.rows[rows.mask(CALIBRATION, TEST)].copy()
    for name, told in json.loads(standing).items():
        with tempfile.TemporaryDirectory(prefix="finloop-") as scratch:
            folder = _fetched(registry, Standing(**told), Path(scratch))
            asked[name] = _said(folder, rows, asked[key])
    known = asked.dropna(subset=list(spec.members))
    _require_both(spec, known)
    _write(into, known, rows.windows)
    (into / STANDING).write_text(standing, encoding="utf-8")


def asked_versions(frame: Path) -> dict[str, str]:
    """Name of each member → the version that was asked for this frame."""
    told = json.loads((frame / STANDING).read_text(encoding="utf-8"))
    return {name: f"{one['model']} {one['version']}" for name, one in told.items()}


def _fetched(registry: Registry, standing: Standing, into: Path) -> Path:
    folder = registry.download(standing.model, standing.version, into)
    if seal(folder).digest != standing.digest:
        raise refused(
            "member_changed",
            f"The files of {standing.model} {standing.version} are not those that were evaluated; "
            "restore them or train it again.",
        )
    return folder


def _said(folder: Path, rows: Frame, key: pd.Series) -> Scores:
    """The probability for each calibration and test row [n]; NaN where it knows the outcome."""
    scorer = Scorer.load(folder)
    wide = rows.widened(scorer.inputs, CALIBRATION, TEST)
    learnt_until = datetime.fromisoformat(read_metrics(folder)["windows"]["gap_from"])
    later = (wide["event_timestamp"] >= learnt_until).to_numpy()
    said = _remembered(folder, key)
    if later.any():
        said[later] = scorer.score(matrix(wide[later], scorer.inputs))
    return said


def _remembered(folder: Path, key: pd.Series) -> Scores:
    import pandas as pd

    if not (folder / HELD_OUT).exists():
        return np.full(len(key), np.nan)
    kept = pd.read_parquet(folder / HELD_OUT).set_index(str(key.name))[_SAID]
    return kept.reindex(key).to_numpy(np.float64)


def _require_both(spec: ModelSpec, known: pd.DataFrame) -> None:
    for split in (CALIBRATION, TEST):
        if not (known[SPLIT] == split).any():
            raise refused(
                "members_know_everything",
                f"{' and '.join(spec.members)} have learnt from all {split} rows of {spec.name}; "
                "run it with a later cut_off, or with the one that they were trained with.",
            )


def _write(into: Path, rows: pd.DataFrame, windows: dict[str, Any]) -> None:
    import pyarrow as pa

    write_frame(into, pa.Table.from_pandas(rows, preserve_index=False), None, windows)
