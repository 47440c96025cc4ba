"""The benchmark of credit scores trains every kind as the pipeline would, and counts answers."""

from __future__ import annotations

from typing import Any, cast

from benchmarks.answers import lessons, said
from components.credit import SCORING
from components.credit.candidates import CANDIDATES
from components.credit.training import ScoringConfig
from pipelines.credit_scoring import Arguments


def answer(decision: str, *, factors: int, helps: bool, degraded: bool = False) -> dict[str, Any]:
    return {
        "decision": decision,
        "risk_factors": [{"code": "DEBT_HIGH"}] * factors,
        "what_would_help": {"changes": {}} if helps else None,
        "degraded": ["credit_bureau_missing"] if degraded else [],
    }


def test_each_kind_is_trained_once_on_the_windows_of_the_pipeline() -> None:
    trained, usual = lessons(), Arguments()
    kinds = [cast(ScoringConfig, one.config).choosing.kinds for one in trained]
    assert kinds == [(kind.name,) for kind in CANDIDATES]
    days = (usual.train_days, usual.calibration_days, usual.test_days)
    assert {(one.model.name, one.days) for one in trained} == {(SCORING.name, days)}


def test_answers_without_reasons_or_with_something_missing_are_told() -> None:
    answers = [
        answer("APPROVE", factors=2, helps=False),
        answer("DECLINE", factors=4, helps=True),
        answer("REVIEW", factors=0, helps=False, degraded=True),
        answer("APPROVE", factors=1, helps=False),
    ]
    rows = {row.metric: row.value for row in said("forest", answers)}
    assert rows == {"degraded": 1, "explained": 0.75, "stopped": 0.5, "helped": 0.25}
