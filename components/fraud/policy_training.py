"""From what the members said to a judged candidate of fraud-policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.common.artifact import GRAPH, write_inputs
from components.common.evaluation import Metric, compare, evaluate
from components.common.frame import read_frame
from components.common.judging import Made
from components.common.members import asked_versions
from components.common.training_data import CALIBRATION, TEST
from components.common.verdict import Verdict
from components.fraud import LABEL, POLICY
from components.fraud.blend import Blend
from components.fraud.blend_graph import blend_graph
from components.fraud.costs import Costs, affordable, fraud_cost_of, mean_cost
from components.fraud.decision import Policy
from components.fraud.rules import FILE, SHIPPED
from components.fraud.rules.ruleset import RuleSet
from components.fraud.training import judge_candidate, measure

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
_AMOUNT, _PRECISION = "amount", "average_precision"


class PolicyConfig(BaseModel):
    """What people decide about decisions; everything else is learnt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approve_below: float = Field(default=0.3, gt=0, le=1)
    """Probability below which a payment goes through; not used where costs are given."""
    decline_from: float = Field(default=0.7, gt=0, le=1)
    """Probability from which it is declined; not used where costs are given."""
    decline_cost: float | None = None
    """With `review_cost`: the thresholds are those of least cost. See `Costs`, here and below."""
    review_cost: float | None = None
    fraud_cost: float | None = None
    review_finds: float = Costs.model_fields["review_finds"].default
    review_share: float = Costs.model_fields["review_share"].default
    rules: str = ""
    """Text of the rule file; the shipped rules where it is empty."""

    @model_validator(mode="after")
    def _usable(self) -> PolicyConfig:
        if self.approve_below > self.decline_from:
            raise ValueError("approve_below must not be above decline_from")
        if (self.decline_cost is None) != (self.review_cost is None):
            raise ValueError("decline_cost and review_cost belong together; give both or none")
        _ = self.costs
        return self

    @property
    def costs(self) -> Costs | None:
        """What decisions cost, if that was told."""
        if self.decline_cost is None or self.review_cost is None:
            return None
        return Costs.model_validate(self.model_dump(include=set(Costs.model_fields)))

    @property
    def rule_text(self) -> str:
        """The rule file that is released."""
        return self.rules or SHIPPED.read_text(encoding="utf-8")


def train_candidate(frame: Path, out: Path, config: str) -> tuple[Verdict, dict[str, Metric]]:
    """Fill the artifact folder `out` from a frame with what each member said of each payment.

    What the gates say, and the metrics. config: `PolicyConfig` as JSON.
    """
    rows, chosen = read_frame(frame), PolicyConfig.model_validate_json(config)
    early, test = (rows.widened((), split) for split in (CALIBRATION, TEST))
    blend = Blend.fit(_said(early), early[LABEL].to_numpy(bool))
    policy = _thresholds(chosen, early, blend.apply(_said(early)))
    _export(blend, chosen, out)
    expected = blend.apply(_said(test))
    made = Made(
        _parameters(chosen, blend, policy) | asked_versions(frame),
        expected,
        _over_members(test, expected) | _spent(test, expected, policy, chosen),
        dict(blend.weights),
    )
    return judge_candidate(POLICY, rows, out, made, policy)


def _said(frame: pd.DataFrame) -> dict[str, Floats]:
    return {name: frame[name].to_numpy(np.float64) for name in POLICY.members}


def _thresholds(config: PolicyConfig, early: pd.DataFrame, probability: Floats) -> Policy:
    if config.costs is None:
        return Policy(config.approve_below, config.decline_from)
    amount, fraud = early[_AMOUNT].to_numpy(np.float64), early[LABEL].to_numpy(bool)
    return affordable(probability, fraud_cost_of(amount, fraud, config.costs), config.costs)


def _export(blend: Blend, config: PolicyConfig, out: Path) -> None:
    """Write model.onnx, inputs.json and rules.yaml; the rules are checked first."""
    RuleSet.parse(config.rule_text)
    out.mkdir(parents=True, exist_ok=True)
    graph = blend_graph(blend).SerializeToString(deterministic=True)
    (out / GRAPH).write_bytes(graph)
    write_inputs(out, tuple(blend.weights))
    (out / FILE).write_text(config.rule_text, encoding="utf-8")


def _parameters(config: PolicyConfig, blend: Blend, policy: Policy) -> dict[str, object]:
    return {
        **{f"weight_{name}": weight for name, weight in blend.weights.items()},
        "bias": blend.bias,
        "approve_below": policy.approve_below,
        "decline_from": policy.decline_from,
        **(config.costs.model_dump() if config.costs else {}),
        "rules": RuleSet.parse(config.rule_text).digest,
    }


def _over_members(test: pd.DataFrame, blended: Floats) -> dict[str, Metric]:
    """How well each member ranks alone, and how much better the blend ranks than the best one."""
    said = {member: measure(test, score) for member, score in _said(test).items()}
    alone = {member: evaluate(rows)[_PRECISION] for member, rows in said.items()}
    best = max(alone, key=lambda member: alone[member].value)
    gain = compare(measure(test, blended), said[best])[_PRECISION]
    told = {f"{_PRECISION}_{member}": metric for member, metric in alone.items()}
    return {**told, f"{_PRECISION}_over_best_member": gain}


def _spent(
    test: pd.DataFrame, probability: Floats, policy: Policy, config: PolicyConfig
) -> dict[str, Metric]:
    """What the test payments would have cost each, and with the default thresholds."""
    if config.costs is None:
        return {}
    fraud, amount = test[LABEL].to_numpy(bool), test[_AMOUNT].to_numpy(np.float64)
    costs = {
        name: mean_cost(probability, fraud, amount, used, config.costs)
        for name, used in (("cost_per_payment", policy), ("cost_at_default", Policy()))
    }
    return {name: Metric(cost, cost, cost) for name, cost in costs.items()}
