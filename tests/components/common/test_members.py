"""Members are asked in the version that stands, and only about what they did not know."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.domain import ModelSpec
from components.common.errors import FinloopError
from components.common.members import HELD_OUT, standing_members, write_held_out
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.sealing import seal
from components.common.settings import Settings
from components.fraud import LSTM, POLICY, XGBOOST


def test_what_was_held_out_is_kept_by_key(tmp_path: Path) -> None:
    write_held_out(tmp_path, pd.Series(["t1", "t2"], name="transaction_id"), np.array([0.5, 0.25]))
    kept = pd.read_parquet(tmp_path / HELD_OUT)
    assert kept.to_dict("list") == {"transaction_id": ["t1", "t2"], "said": [0.5, 0.25]}


def test_a_member_without_a_version_is_told_how_to_get_one(mlflow_settings: Settings) -> None:
    with pytest.raises(FinloopError, match="`finloop run fraud-xgboost` makes one") as caught:
        standing_members(mlflow_settings, POLICY.name)
    assert caught.value.code == "no_member"


def test_the_champion_stands_else_the_newest_that_passed(
    registry: Registry, artifact: Path, facts: Callable[..., RunFacts], tmp_path: Path
) -> None:
    def register(spec: ModelSpec, ok: bool = True) -> ModelVersion:
        return registry.register_candidate(spec, artifact, run=facts(ok=ok), actor="kim")

    for ok in (True, True, False):
        register(XGBOOST, ok)
    first, _ = register(LSTM), register(LSTM)
    registry.set_champion(LSTM.name, registry.promote(LSTM, first).version)
    told = json.loads(standing_members(registry.settings, POLICY.name))
    assert {name: (one["model"], one["version"]) for name, one in told.items()} == {
        XGBOOST.name: (XGBOOST.candidate, "2"),
        LSTM.name: (LSTM.name, "1"),
    }
    files = registry.download(LSTM.name, "1", tmp_path / "files")
    assert told[LSTM.name]["digest"] == seal(files).digest
