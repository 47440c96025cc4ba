"""The data and training pipelines as they are, on a small company, in KFP's own local runner."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from components.common import lake
from components.common.approval import approve
from components.common.artifact import Scorer, matrix
from components.common.errors import FinloopError
from components.common.feature_tables import MadeFrom
from components.common.frame import read_frame
from components.common.intake import take_in
from components.common.lags import ABSENT
from components.common.ledger import Ledger
from components.common.members import HELD_OUT
from components.common.provenance import ROOT, TRAINING_LAYERS
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.training_data import (
    CALIBRATION,
    CONTEXT,
    SPLIT,
    TEST,
    TRAIN,
    Windows,
    labelled_events,
    with_past,
)
from components.fraud import LSTM, POLICY, XGBOOST
from components.fraud.features import MODEL_INPUT
from components.fraud.rules import rules_in_force
from components.fraud.sequence_steps import SEQUENCE_INPUT, STEP
from components.fraud.training import LABELLED
from demo.world import WorldConfig, simulate, write
from pipelines import launch
from pipelines.common.results import RunResult
from serving.common.proving import unproven

pytestmark = pytest.mark.e2e

QUICK = {"rounds": "60", "learning_rate": "0.15", "max_bin": "64", "author": "kim"}
ARTIFACT = {
    "model.onnx", "booster.ubj", "inputs.json", "metrics.json", "verdict.json", "policy.json",
    "reference.parquet", "sample.parquet", "model_card.md", "evaluation.png", "importance.png",
}  # fmt: skip


def company(folder: Path, **changes: Any) -> Path:
    """A small company as files."""
    config = WorldConfig(users=400, merchants=60, days=60, seed=11, start=date(2025, 1, 1))
    world = simulate(config)
    write(world.tables, folder)
    for column, value in changes.items():
        path = folder / "transactions.parquet"
        pd.read_parquet(path).assign(**{column: value}).to_parquet(path)
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return company(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def data(settings: Settings, source: Path) -> RunResult:
    return launch.run("data", {"source": str(source)}, settings)


@pytest.fixture(scope="module")
def first(settings: Settings, data: RunResult) -> RunResult:
    assert data.ok, data.reasons
    return launch.run("fraud-xgboost", QUICK, settings)


def states(result: RunResult) -> dict[str, str]:
    return {s.name: "cached" if s.cached else "ok" if s.ok else "failed" for s in result.steps}


def test_data_becomes_features(data: RunResult, settings: Settings) -> None:
    assert data.ok, data.reasons
    assert states(data) == dict.fromkeys(
        ("ingest", "validate", "require", "build-features", "publish-features"), "ok"
    )
    assert data.outputs["data_digest"] == lake.digest(settings.lake)
    made = MadeFrom.read(settings.feature_tables)
    assert made is not None
    assert (made.data_digest, made.as_of) == tuple(
        data.outputs[n] for n in ("data_digest", "known_until")
    )
    (docs,) = (settings.kfp / "runs").rglob("validate/docs")
    assert "fraud.transactions" in docs.read_text()


def test_a_second_run_takes_everything_from_the_first(
    data: RunResult, settings: Settings, source: Path
) -> None:
    note = settings.feature_tables / "made_from.json"
    before = note.stat().st_mtime_ns
    again = launch.run("data", {"source": str(source)}, settings)
    assert again.outputs == data.outputs
    assert states(again)["validate"] == states(again)["build-features"] == "cached"
    assert note.stat().st_mtime_ns == before


def test_a_candidate_has_everything_that_belongs_to_it(
    first: RunResult, settings: Settings, tmp_path: Path
) -> None:
    assert first.ok, first.reasons
    registry = Registry(settings)
    (candidate,) = registry.candidates(XGBOOST)
    assert candidate.version == first.outputs["version"] == "1"
    files = registry.download(XGBOOST.candidate, "1", tmp_path / "files")
    assert {path.name for path in files.iterdir()} >= ARTIFACT
    told = json.loads((files / "metrics.json").read_text())
    assert told["comparison"] == {}
    assert told["metrics"]["artifact_max_difference"]["value"] <= 1e-4
    assert sum(split["positives"] for split in told["rows"].values()) > 50
    scorer, sample = Scorer.load(files), pd.read_parquet(files / "sample.parquet")
    assert scorer.inputs == MODEL_INPUT
    np.testing.assert_array_equal(scorer.score(matrix(sample, MODEL_INPUT)), sample["score"])
    assert "There was no champion" in (files / "model_card.md").read_text()


def test_what_it_was_made_from_is_in_the_ledger(first: RunResult, settings: Settings) -> None:
    ledger = Ledger(settings.ledger)
    (event,) = [e for e in ledger.events("candidate", XGBOOST.name) if e.key == "1"]
    ledger.close()
    assert event.actor == "kim"
    assert event.body["data_digest"] == lake.digest(settings.lake)
    assert len(event.body["code_digest"]) == 64
    assert event.body["verdict"]["ok"]


def test_labels_and_splits_of_the_frame_are_what_was_known(
    first: RunResult, settings: Settings
) -> None:
    (folder,) = (settings.kfp / "runs").rglob("training-frame/frame")
    windows = json.loads((folder / "windows.json").read_text())
    counts = duckdb.execute(
        f"""SELECT split, count(*), bool_and(o.known <= CASE split WHEN 'test'
                THEN TIMESTAMPTZ '{windows["cut_off"]}'
                ELSE TIMESTAMPTZ '{windows["test_from"]}' END)
            FROM '{folder}/frame.parquet' JOIN (
                SELECT transaction_id, min(outcome_timestamp) AS known
                FROM {lake.scan(settings.lake, "outcomes")} GROUP BY 1) o USING (transaction_id)
            GROUP BY 1"""  # noqa: S608 - paths of this test
    ).fetchall()
    assert {split: known for split, _, known in counts} == {
        "train": True, "calibration": True, "test": True,
    }  # fmt: skip


def test_the_next_candidate_is_compared_with_the_champion_on_the_same_rows(
    first: RunResult, settings: Settings, tmp_path: Path
) -> None:
    champion = approve(XGBOOST, "1", "lee", settings)
    registry = Registry(settings)
    registry.set_champion(XGBOOST.name, champion.version)
    second = launch.run("fraud-xgboost", QUICK, settings)
    assert second.ok, second.reasons
    assert states(second) == {
        "snapshot": "ok", "training-frame": "cached", "train": "cached",
        "require": "cached", "register": "ok",
    }  # fmt: skip
    assert second.outputs["version"] == "2"
    files = registry.download(XGBOOST.candidate, "2", tmp_path / "files")
    comparison = json.loads((files / "metrics.json").read_text())["comparison"]
    assert comparison["champion"] == champion.version
    assert comparison["differences"]["average_precision"] == {"value": 0, "low": 0, "high": 0}
    assert f"Candidate minus version {champion.version}" in (files / "model_card.md").read_text()


def test_a_failed_gate_stops_the_run_and_registers_nothing(
    first: RunResult, settings: Settings
) -> None:
    before = Registry(settings).candidates(XGBOOST)
    poor = {**QUICK, "rounds": "1", "max_depth": "1", "colsample": "0.02"}
    result = launch.run("fraud-xgboost", poor, settings)
    assert (result.ok, result.exit_status, result.code) == (False, 1, "verdict_no")
    assert states(result)["train"] == "ok"
    assert states(result)["require"] == "failed"
    assert "register" not in states(result)
    with pytest.raises(FinloopError, match="is required"):
        result.raise_failure()
    assert Registry(settings).candidates(XGBOOST) == before


@pytest.fixture(scope="module")
def network(settings: Settings, first: RunResult) -> RunResult:
    return launch.run("fraud-lstm", {"author": "kim", "epochs": "8"}, settings)


def test_a_network_is_trained_on_sequences_and_goes_the_same_way(
    network: RunResult, settings: Settings, tmp_path: Path
) -> None:
    assert network.ok, network.reasons
    registry = Registry(settings)
    files = registry.download(LSTM.candidate, network.outputs["version"], tmp_path / "files")
    told = json.loads((files / "metrics.json").read_text())
    assert told["metrics"]["artifact_max_difference"]["value"] <= 1e-4
    assert set(told["rows"]) == {"train", "calibration", "test"}
    scorer, sample = Scorer.load(files), pd.read_parquet(files / "sample.parquet")
    assert scorer.inputs == SEQUENCE_INPUT
    np.testing.assert_array_equal(scorer.score(matrix(sample, SEQUENCE_INPUT)), sample["score"])
    assert unproven(files) == (), "row by row, as requests ask, it scores the same"
    other = sample.assign(amount_lag_1=sample["amount_lag_1"] * 50 + 1_000)
    other.to_parquet(files / "sample.parquet")
    assert "sampled rows otherwise than when it was evaluated" in unproven(files)[0]
    reference = pd.read_parquet(files / "reference.parquet")
    assert tuple(reference.columns) == (*STEP, "score")
    assert approve(LSTM, network.outputs["version"], "lee", settings).version == "1"


@pytest.fixture(scope="module")
def policy(settings: Settings, network: RunResult) -> RunResult:
    assert network.ok, network.reasons
    return launch.run("fraud-policy", {"author": "kim"}, settings)


def test_a_policy_is_made_of_what_both_said_before_they_knew(
    policy: RunResult, settings: Settings, tmp_path: Path
) -> None:
    assert policy.ok, policy.reasons
    (folder,) = (settings.kfp / "runs").rglob("ask-members/asked")
    asked = read_frame(folder).rows.set_index("transaction_id")
    assert set(asked[SPLIT]) == {CALIBRATION, TEST}
    registry = Registry(settings)
    champion = registry.champion(XGBOOST.name)
    name, version = (XGBOOST.name, champion.version) if champion else (XGBOOST.candidate, "1")
    files = registry.download(name, version, tmp_path / "trees")
    held = pd.read_parquet(files / HELD_OUT).set_index("transaction_id")["said"]
    now = Scorer.load(files).score(matrix(asked, MODEL_INPUT))
    early = (asked[SPLIT] == CALIBRATION).to_numpy()
    np.testing.assert_array_equal(asked[XGBOOST.name][early], held.reindex(asked.index[early]))
    np.testing.assert_array_equal(asked[XGBOOST.name][~early], now[~early])
    assert not np.allclose(asked[XGBOOST.name][early], now[early]), "it has learnt from them since"


def test_a_policy_is_a_candidate_like_any_other(
    policy: RunResult, settings: Settings, tmp_path: Path
) -> None:
    registry = Registry(settings)
    files = registry.download(POLICY.candidate, policy.outputs["version"], tmp_path / "files")
    told = json.loads((files / "metrics.json").read_text())
    assert told["metrics"]["average_precision_over_best_member"]["value"] >= -0.01
    assert told["parameters"]["rules"] == rules_in_force(files).digest
    assert unproven(files) == ()
    assert approve(POLICY, policy.outputs["version"], "lee", settings).version == "1"


def test_a_policy_is_not_made_of_what_its_members_have_learnt(
    policy: RunResult, settings: Settings
) -> None:
    earlier = (windows_of(settings).cut_off - timedelta(days=8)).isoformat()
    result = launch.run("fraud-policy", {"author": "kim", "cut_off": earlier}, settings)
    assert not result.ok
    assert "have learnt from all calibration rows" in " ".join(result.reasons)


def test_sequences_of_the_frame_are_the_payments_before(
    settings: Settings, data: RunResult
) -> None:
    events = labelled_events(settings.lake, LABELLED, windows_of(settings))
    rows, previous = with_past(settings.lake, LABELLED, events, LSTM.lags)
    assert rows[SPLIT].isin([TRAIN, CALIBRATION, TEST]).sum() == len(events)
    users, names = rows["user_id"].to_numpy(), rows["transaction_id"].to_numpy()
    order = duckdb.execute(
        f"""SELECT transaction_id, lag(transaction_id) OVER (
                PARTITION BY user_id ORDER BY event_timestamp, transaction_id) AS before
            FROM {lake.scan(settings.lake, "transactions")}"""  # noqa: S608 - paths of this test
    ).df()
    before = dict(zip(order["transaction_id"], order["before"], strict=True))
    labelled = np.flatnonzero(rows[SPLIT] != CONTEXT)
    for row in labelled[:: max(1, len(labelled) // 500)]:
        chain = [names[at] for at in previous[row] if at != ABSENT]
        wanted, name = [], before[names[row]]
        while isinstance(name, str) and len(wanted) < LSTM.lags:
            wanted.append(name)
            name = before[name]
        assert chain == wanted
        assert set(users[previous[row][previous[row] != ABSENT]]) <= {users[row]}


def windows_of(settings: Settings) -> Windows:
    made = MadeFrom.read(settings.feature_tables)
    assert made is not None
    return Windows.before(made.moment, LSTM.label_delay, calibration_days=7, test_days=7)


def test_a_lake_that_moved_on_is_not_trained_on(
    first: RunResult, settings: Settings, tmp_path: Path
) -> None:
    config = WorldConfig(users=20, merchants=10, days=5, seed=3, start=date(2025, 3, 10))
    write(simulate(config).tables, tmp_path / "more")
    take_in(settings, str(tmp_path / "more"), "finloop", False, tmp_path / "report.json")
    result = launch.run("fraud-xgboost", QUICK, settings)
    assert (result.ok, result.code) == (False, "lake_changed")
    assert "run `finloop run data`" in result.reasons[0]
    assert states(result) == {"snapshot": "failed"}


def test_a_failed_suite_stops_the_run_and_leaves_its_docs(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    broken = company(tmp_path / "source", amount=5.0)
    result = launch.run("data", {"source": str(broken)}, settings)
    assert (result.ok, result.exit_status, result.code) == (False, 1, "verdict_no")
    assert "transactions: expected that amounts differ between payments" in result.reasons[0]
    assert states(result) == {"ingest": "ok", "validate": "ok", "require": "failed"}
    (docs,) = (settings.kfp / "runs").rglob("validate/docs")
    assert "FAILS" in docs.read_text()
    assert not settings.feature_tables.exists()


def test_an_edit_of_our_code_misses_the_cache(
    settings: Settings,
    data: RunResult,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(edited(tmp_path / "tree"))  # where Python looks first for what a step imports
    again = launch.run("data", {"source": str(source)}, settings)
    assert again.ok, again.reasons
    assert states(again)["validate"] == states(again)["build-features"] == "ok"


def edited(tree: Path) -> Path:
    """A copy of our code in which one comment differs."""
    for layer in TRAINING_LAYERS:
        shutil.copytree(ROOT / layer, tree / layer)
    features = tree / "components" / "fraud" / "features" / "__init__.py"
    features.write_text(features.read_text() + "\n# another thought\n")
    return tree
