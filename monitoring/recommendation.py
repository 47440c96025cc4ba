"""Monitoring of recommendation: columns, windows and thresholds, in one frozen declaration."""

from __future__ import annotations

from datetime import timedelta

from monitoring.click_through import ClickRules
from monitoring.declaration import Monitoring
from monitoring.drift import DriftRules
from monitoring.judge import JudgeRules
from monitoring.policy import RetrainRules

_DAY = timedelta(days=1)

MONITORING = Monitoring(
    drift=DriftRules(
        days=7,
        minimum_rows=500,
        psi=0.25,
        score_psi=0.25,
        drifted_share=0.3,
        key_columns=("segment", "categories"),
        slow=("recent_payments", "recent_merchants", "repeat_share"),
    ),
    retrain=RetrainRules(violated=2, windows=3, cool_down=14 * _DAY, minimum_rows=1_000),
    judge=JudgeRules(
        minimum={"shadow": 1_000, "canary-5": 100, "canary-25": 300, "canary-50": 500},
        error_rate=0.01,
        p99_ms=50.0,
        psi=1.0,  # how sure a version is of its list differs more than the lists do
        changed_decisions=0.05,
        rank_correlation=0.2,
        decline_rate=0.02,
        click_loss=0.01,
    ),
    performance=ClickRules(minimum_shown=1_000, declined=("EMPTY",)),
)
