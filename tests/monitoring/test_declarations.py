"""What a domain declares of its monitoring fits its model: columns, stages, what is ordinary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import components
from components.common.artifact import Scorer, matrix
from components.common.domain import Domain
from components.common.evidence import REFERENCE
from components.common.stages import LADDER
from components.credit.features import MODEL_INPUT as CREDIT_INPUT
from components.fraud import POLICY
from components.fraud.features import MODEL_INPUT as FRAUD_INPUT
from components.recommendation.features import USER_PROFILE
from monitoring import credit, recommendation
from monitoring.declaration import Monitoring, monitoring_of
from monitoring.drift import DriftVerdict, judged_columns, measure, verdict_of
from monitoring.windows import SCORE, Window
from tests.credit_artifact import make_applications, write_credit_artifact
from tests.recommendation_company import Company, shops

__all__ = ["shops"]

WATCHED = {
    "fraud": (*FRAUD_INPUT, *POLICY.members),
    "credit": CREDIT_INPUT,
    "recommendation": USER_PROFILE,
}
"""Domain → what its drift is measured on."""
BEGAN = datetime(2026, 1, 4, 15, tzinfo=UTC)


@pytest.mark.parametrize("domain", components.domains(), ids=lambda domain: domain.name)
def test_every_column_and_stage_that_is_declared_is_there(domain: Domain) -> None:
    rules = monitoring_of(domain)
    drift, watched = rules.drift, set(WATCHED[domain.name])
    named = {*drift.key_columns, *drift.column_psi, *drift.cycles, *drift.slow}
    assert named <= watched
    assert not set(drift.key_columns) & set(drift.slow), "a column that is not judged says nothing"
    assert set(rules.judge.minimum) == set(LADDER[:-1])
    assert rules.retrain.violated <= rules.retrain.windows


def judged(rules: Monitoring, reference: pd.DataFrame, current: pd.DataFrame) -> DriftVerdict:
    """What the rules say of a window with these rows."""
    window = Window(BEGAN, BEGAN + timedelta(days=rules.drift.days))
    inputs = [name for name in reference.columns if name != SCORE]
    columns = [*judged_columns(inputs, window, rules.drift), SCORE]
    _, findings = measure(reference, current[columns], rules.drift)
    return verdict_of(findings, window, "1", len(current), rules.drift)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer.load(write_credit_artifact(tmp_path_factory.mktemp("credit")))


def applications(scorer: Scorer, seed: int, income: float = 1.0) -> pd.DataFrame:
    """Applications of people who earn so much of what they did, with their scores."""
    rows, _ = make_applications(seed)
    rows["annual_income"] *= income
    rows["loan_to_income"] /= income
    return rows.assign(**{SCORE: scorer.score(matrix(rows, scorer.inputs))})


def test_ordinary_weeks_of_credit_are_calm_and_lost_incomes_are_not(scorer: Scorer) -> None:
    rules, size = credit.MONITORING, credit.MONITORING.drift.minimum_rows
    reference = applications(scorer, 0)
    weeks = [applications(scorer, seed).head(size) for seed in range(1, 7)]
    assert sum(judged(rules, reference, week).violated for week in weeks) <= 1
    poorer = judged(rules, reference, applications(scorer, 7, income=0.6).head(size))
    assert poorer.violated
    assert any(reason.startswith("annual_income: PSI") for reason in poorer.reasons)


def test_other_customers_are_no_drift_of_recommendation_and_other_habits_are(
    shops: Company,
) -> None:
    assert shops.trained[0].details
    rows = pd.read_parquet(shops.artifact / REFERENCE).astype(float)
    half = np.random.default_rng(0).random(len(rows)) < 0.5
    rules = recommendation.MONITORING
    calm = judged(rules, rows[half], rows[~half])
    assert not calm.violated, calm.reasons
    changed = rows[~half].assign(categories=rows["categories"] + 4)
    narrower = judged(rules, rows[half], changed)
    assert narrower.violated
    assert any(reason.startswith("categories: PSI") for reason in narrower.reasons)
