"""Monitoring of credit: columns, windows and thresholds, in one frozen declaration.

Applications are few and loans end late: a window is a week, a verdict needs fewer rows than one on
payments does, and the index of so few rows is large by chance alone, so that its limits are wider.
"""

from __future__ import annotations

from datetime import timedelta

from components.credit.features import CREDIT_SPENDING
from monitoring.declaration import Monitoring
from monitoring.drift import DriftRules
from monitoring.judge import JudgeRules
from monitoring.performance import PerformanceRules
from monitoring.policy import RetrainRules

_DAY = timedelta(days=1)

MONITORING = Monitoring(
    drift=DriftRules(
        days=7,
        minimum_rows=100,
        psi=0.35,
        score_psi=0.35,
        drifted_share=0.25,
        key_columns=("annual_income", "bureau_score"),
        slow=CREDIT_SPENDING.names,  # a window of 90 days fills up as the history grows
    ),
    retrain=RetrainRules(violated=2, windows=3, cool_down=28 * _DAY, minimum_rows=200),
    judge=JudgeRules(
        minimum={"shadow": 300, "canary-5": 30, "canary-25": 100, "canary-50": 200},
        error_rate=0.01,
        p99_ms=100.0,
        psi=0.25,
        changed_decisions=0.10,
        rank_correlation=0.5,
        decline_rate=0.02,
    ),
    performance=PerformanceRules(
        amount="loan_amount",
        accepted=("APPROVE",),
        declined=("DECLINE",),
        minimum_known=100,
        minimum_positives=10,
    ),
    released_by_people=True,
)
