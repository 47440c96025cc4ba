"""A decision policy from what members said: better than each, and released with its rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import ValidationError

from components.common.artifact import Scorer, matrix, read_inputs
from components.common.errors import FinloopError
from components.common.frame import read_frame, write_frame
from components.common.members import STANDING
from components.fraud import LABEL, LSTM, POLICY, XGBOOST
from components.fraud.decision import Policy
from components.fraud.policy_training import PolicyConfig, train_candidate
from components.fraud.rules import FILE, SHIPPED, rules_in_force
from tests.components.fraud.test_blend import draw

RULES = """
rules:
  - {id: dear, action: review, reason: DEAR, text_en: Dear., text_ko: 비쌉니다.,
     when: {field: amount, operator: ">", value: 1000}}
"""


def frame(folder: Path, network: bool = True) -> Path:
    """Two weeks of payments with what two members said of each; or one knows nothing at all."""
    said, label = draw(5, 12_000)
    count = len(label)
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "transaction_id": [f"t{n}" for n in range(count)],
            "user_id": random.integers(0, 2_000, count).astype(str),
            "merchant_id": "m",
            "event_timestamp": pd.Timestamp("2026-03-01", tz="UTC")
            + pd.to_timedelta(np.arange(count) * 90, "s"),
            "split": np.where(np.arange(count) < count // 2, "calibration", "test"),
            LABEL: label.astype(bool),
            "amount": random.lognormal(5, 1, count),
            XGBOOST.name: said["trees"],
            LSTM.name: said["network"] if network else random.random(count),
        }
    )
    write_frame(folder, pa.Table.from_pandas(rows, preserve_index=False), None, {})
    asked = {name: {"model": name, "version": "3", "digest": "0"} for name in POLICY.members}
    (folder / STANDING).write_text(json.dumps(asked))
    return folder


def trained(tmp_path: Path, told: dict[str, Any], **how: Any) -> tuple[Path, Any, dict[str, Any]]:
    out = tmp_path / "out"
    config = PolicyConfig.model_validate(told).model_dump_json()
    verdict, metrics = train_candidate(frame(tmp_path / "frame", **how), out, config)
    return out, verdict, {name: metric.value for name, metric in metrics.items()}


def test_the_release_is_the_blend_its_thresholds_and_its_rules(tmp_path: Path) -> None:
    out, verdict, metrics = trained(tmp_path, {})
    assert verdict.ok, verdict.reasons
    assert read_inputs(out) == POLICY.members
    assert Policy.read(out) == Policy(0.3, 0.7)
    assert rules_in_force(out).digest == rules_in_force().digest
    assert (out / FILE).read_text() == SHIPPED.read_text()
    assert metrics["average_precision_over_best_member"] > 0.03
    assert metrics["average_precision"] == pytest.approx(
        metrics["average_precision_over_best_member"]
        + max(metrics[f"average_precision_{name}"] for name in POLICY.members)
    )
    sample = pd.read_parquet(out / "sample.parquet")
    scorer = Scorer.load(out)
    np.testing.assert_array_equal(scorer.score(matrix(sample, scorer.inputs)), sample["score"])
    told = json.loads((out / "metrics.json").read_text())
    assert told["parameters"]["weight_fraud-xgboost"] > 0.3
    assert told["parameters"]["fraud-lstm"] == "fraud-lstm 3"
    assert set(told["rows"]) == {"calibration", "test"}


def test_drift_is_measured_against_what_the_members_say_of_the_unknown(tmp_path: Path) -> None:
    out, _, _ = trained(tmp_path, {})
    usual = pd.read_parquet(out / "reference.parquet")
    rows = read_frame(tmp_path / "frame").rows
    unknown = rows[rows["split"] == "test"]
    assert tuple(usual.columns) == (*POLICY.members, "score")
    assert set(usual[XGBOOST.name]) <= set(unknown[XGBOOST.name])


def test_a_member_that_knows_nothing_is_not_listened_to(tmp_path: Path) -> None:
    out, _, metrics = trained(tmp_path, {}, network=False)
    told = json.loads((out / "metrics.json").read_text())["parameters"]
    assert told["weight_fraud-lstm"] < 0.1 < told["weight_fraud-xgboost"]
    assert abs(metrics["average_precision_over_best_member"]) < 0.01


def test_thresholds_from_costs_and_rules_of_its_own(tmp_path: Path) -> None:
    told = {"review_cost": 5.0, "decline_cost": 60.0, "review_share": 0.03, "rules": RULES}
    out, verdict, metrics = trained(tmp_path, told)
    assert verdict.ok, verdict.reasons
    policy = Policy.read(out)
    assert policy != Policy()
    usual = pd.read_parquet(out / "reference.parquet")["score"]
    assert 0.02 < usual.between(policy.approve_below, policy.decline_from).mean() < 0.04
    assert metrics["cost_per_payment"] < metrics["cost_at_default"]
    assert [rule.id for rule in rules_in_force(out).file.rules] == ["dear"]


def test_rules_that_cannot_be_used_make_no_policy(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="no field 'amont'"):
        trained(tmp_path, {"rules": RULES.replace("field: amount", "field: amont")})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"review_cost": 5.0}, "belong together"),
        ({"approve_below": 0.9}, "must not be above"),
        ({"review_cost": 5.0, "decline_cost": -1.0}, "greater than 0"),
        ({"review_cost": 5.0, "decline_cost": 1.0, "review_share": 2.0}, "less than or equal"),
    ],
)
def test_what_people_decide_is_checked(told: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PolicyConfig.model_validate(told)
